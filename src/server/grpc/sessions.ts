import { Code, ConnectError } from '@connectrpc/connect';
import { KeyedMutex } from '../../lib/keyed-mutex.ts';
import type { ExecutorId } from '../../model/ids.ts';
import type { SessionRequest } from '../../rpc/gen/sandglass/v1/executor_pb.js';
import type { Introduction } from '../../rpc/hello.ts';
import type { Peer } from './peer.ts';
import { ExecutorSession, type SessionContext } from './session.ts';

/**
 * The sessions of all executors: at most one each. A new one replaces the old one, which may be the half-open rest of a
 * link that broke. What the control plane hears of one executor is in order: `connected` of the new session comes after
 * `connected` of the old one, and `disconnected` only from the session that is the latest.
 */
export class ExecutorSessions {
  readonly #ctx: SessionContext;
  readonly #current = new Map<ExecutorId, ExecutorSession>();
  readonly #turns = new KeyedMutex<ExecutorId>();
  /** Sessions that are being served. None of them rejects. */
  readonly #serving = new Set<Promise<void>>();
  #closed: ConnectError | undefined;

  constructor(ctx: SessionContext) {
    this.#ctx = ctx;
  }

  /** The session of an executor that takes messages now. */
  find(executorId: ExecutorId): ExecutorSession | undefined {
    const session = this.#current.get(executorId);
    return session?.ready ? session : undefined;
  }

  /** Starts the session of an executor that has said Hello. It goes on until it is over, however that comes. */
  start(introduction: Introduction, requests: AsyncIterator<SessionRequest>, peer: Peer): ExecutorSession {
    if (this.#closed !== undefined) throw this.#closed;
    const session = new ExecutorSession(introduction.executorId, peer, this.#ctx);
    const served = this.#serve(session, introduction, requests).finally(() => this.#serving.delete(served));
    this.#serving.add(served);
    return session;
  }

  /** Ends all sessions. Resolves when the control plane has been told. */
  async close(): Promise<void> {
    this.#closed = new ConnectError('the server is shutting down', Code.Unavailable);
    for (const session of this.#current.values()) session.end(this.#closed);
    await Promise.all(this.#serving);
  }

  async #serve(session: ExecutorSession, introduction: Introduction, requests: AsyncIterator<SessionRequest>): Promise<void> {
    const { executorId } = session;
    const log = this.#ctx.log.child({ executorId });
    try {
      await this.#turns.run(executorId, () => this.#connect(session, introduction));
      log.info({ hostname: introduction.info.hostname, version: introduction.info.version }, 'executor connected');
      await session.exchange(requests);
      log.info({ reason: session.over.reason instanceof ConnectError ? session.over.reason.message : undefined }, 'executor disconnected');
    } catch (error) {
      log.error({ err: error }, 'an executor could not be connected');
      session.end(error);
    }
    await this.#turns
      .run(executorId, () => this.#disconnect(session))
      .catch((error: unknown) => {
        log.error({ err: error }, 'the end of a session was not stored');
      });
  }

  async #connect(session: ExecutorSession, { executorId, info, inventory }: Introduction): Promise<void> {
    this.#current.get(executorId)?.end(new ConnectError(`another session of ${executorId} has replaced this one`, Code.AlreadyExists));
    this.#current.set(executorId, session);
    if (this.#closed !== undefined) session.end(this.#closed);
    if (session.over.aborted) return;
    session.welcome(await this.#ctx.gateway.connected(executorId, info, inventory));
  }

  async #disconnect(session: ExecutorSession): Promise<void> {
    if (this.#current.get(session.executorId) !== session) return;
    this.#current.delete(session.executorId);
    await this.#ctx.gateway.disconnected(session.executorId);
  }
}
