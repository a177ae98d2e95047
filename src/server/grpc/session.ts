import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import type { ExecutorGateway } from '../../control/executor-gateway.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Logger } from '../../lib/logger.ts';
import { failureOf } from '../../model/errors.ts';
import { type ExecutorId, parseId } from '../../model/ids.ts';
import type { Instruction } from '../../model/instruction.ts';
import type { Discards } from '../../model/inventory.ts';
import { malformed } from '../../rpc/checks.ts';
import { toConnectError } from '../../rpc/connect-errors.ts';
import {
  type OperationResult,
  type SandboxEnded,
  type SessionRequest,
  type SessionResponse,
  SessionResponseSchema,
} from '../../rpc/gen/sandglass/v1/executor_pb.js';
import { Heartbeat } from '../../rpc/heartbeat.ts';
import { parseExitCode } from '../../rpc/hello.ts';
import { instructionToProto, parseAssignment } from '../../rpc/instruction.ts';
import { Outbox } from '../../rpc/outbox.ts';
import { parseProgress } from '../../rpc/progress.ts';
import { ProgressThrottle } from '../../rpc/progress-throttle.ts';
import { parseResult } from '../../rpc/result.ts';
import type { Peer } from './peer.ts';

export interface SessionContext {
  readonly gateway: ExecutorGateway;
  readonly clock: Clock;
  readonly log: Logger;
  readonly heartbeatIntervalMs: number;
}

type Message = NonNullable<MessageInitShape<typeof SessionResponseSchema>['message']>;

/** Reports of one executor that are being stored at one time; no more are read meanwhile. */
const MAX_STORING = 64;
/** How long an executor that is told to go may keep its connection. */
const PARTING_MS = 1000;

/**
 * One executor's session, from its Hello on.
 *
 *   introduced ──welcome──▶ ready ──end──▶ over
 *        └──────────────end────────────────▲
 */
export class ExecutorSession {
  readonly executorId: ExecutorId;
  /** What goes to the executor, in this order. */
  readonly outgoing = new Outbox<SessionResponse>({ waitAt: 64, refuseAt: 4096 });
  readonly #peer: Peer;
  readonly #ctx: SessionContext;
  readonly #over = new AbortController();
  readonly #progress: ProgressThrottle;
  /** Results and ends of sandboxes that are being stored. None of them rejects. */
  readonly #storing = new Set<Promise<void>>();
  #heartbeat: Heartbeat | undefined;

  constructor(executorId: ExecutorId, peer: Peer, ctx: SessionContext) {
    this.executorId = executorId;
    this.#peer = peer;
    this.#ctx = ctx;
    this.#progress = new ProgressThrottle(ctx.clock, (ref, progress) => {
      ctx.gateway.progress(executorId, ref, progress).catch((error: unknown) => {
        ctx.log.debug({ executorId, operationId: ref.operationId, err: error }, 'progress was not stored');
      });
    });
  }

  /** True from the welcome until it is over. */
  get ready(): boolean {
    return this.#heartbeat !== undefined && !this.over.aborted;
  }

  /** Aborts once it is over. */
  get over(): AbortSignal {
    return this.#over.signal;
  }

  /** Lets the executor in: from here on it is sent what comes. */
  welcome(discards: Discards): void {
    if (this.over.aborted) return;
    const { clock, gateway, heartbeatIntervalMs } = this.#ctx;
    this.send({ case: 'welcome', value: { clusterId: gateway.clusterId, heartbeatIntervalMs } });
    const { sandboxIds, snapshotIds } = discards;
    if (sandboxIds.length + snapshotIds.length > 0) {
      this.send({ case: 'discard', value: { sandboxIds: [...sandboxIds], snapshotIds: [...snapshotIds] } });
    }
    this.#heartbeat = new Heartbeat({
      clock,
      intervalMs: heartbeatIntervalMs,
      beat: () => this.send({ case: 'heartbeat', value: {} }),
      silent: () => this.#giveUp(),
    });
  }

  /** Sends a message that can't wait. An executor that leaves thousands unread is not there any more. */
  send(message: Message): void {
    if (this.outgoing.push(create(SessionResponseSchema, { message })) || !this.outgoing.open) return;
    this.end(new ConnectError('the executor does not read what it is sent', Code.ResourceExhausted));
  }

  /** Exchanges messages until the session is over, and what the executor had reported until then is stored. */
  async exchange(requests: AsyncIterator<SessionRequest>): Promise<void> {
    if (this.over.aborted) return;
    for (const part of [this.#receive(requests), this.#forwardOperations()]) {
      part.then(
        () => this.end(),
        (error: unknown) => this.end(error),
      );
    }
    await new Promise<void>((resolve) => {
      this.over.addEventListener('abort', () => resolve(), { once: true });
    });
    await Promise.all(this.#storing);
  }

  /** Ends the session, with an error that the executor is told, or without one. */
  end(error?: unknown): void {
    if (this.over.aborted) return;
    if (error === undefined) this.outgoing.end();
    else this.outgoing.fail(toConnectError(error));
    this.#heartbeat?.stop();
    this.#progress.stop();
    this.#over.abort(error);
    this.#ctx.clock.schedule(PARTING_MS, () => this.#peer.disconnect());
  }

  #giveUp(): void {
    this.end(new ConnectError('nothing was heard of the executor for three heartbeats', Code.Unavailable));
    this.#peer.disconnect(); // the link is dead: nothing polite gets through
  }

  async #receive(requests: AsyncIterator<SessionRequest>): Promise<void> {
    for (;;) {
      const { value: request, done } = await requests.next();
      if (done === true || this.over.aborted) return;
      this.#heartbeat?.heard();
      this.#take(request);
      if (this.#storing.size >= MAX_STORING) await Promise.race(this.#storing);
    }
  }

  #take({ message }: SessionRequest): void {
    switch (message.case) {
      case 'heartbeat':
        return;
      case 'progress': {
        const { ref, progress } = parseProgress(message.value);
        this.#progress.report(ref, progress);
        return;
      }
      case 'result':
        this.#store(this.#storeResult(message.value));
        return;
      case 'sandboxEnded':
        this.#store(this.#storeEnd(message.value));
        return;
      case 'hello':
        throw malformed('hello', 'came twice');
      case undefined:
        throw malformed('message', 'is missing or unknown');
    }
  }

  #store(stored: Promise<void>): void {
    const done = stored.catch((error: unknown) => this.end(error)).finally(() => this.#storing.delete(done));
    this.#storing.add(done);
  }

  /** A result that can't be stored is not acknowledged: the executor will repeat it. */
  async #storeResult(message: OperationResult): Promise<void> {
    const { ref, result } = parseResult(message);
    this.#progress.forget(ref.operationId);
    try {
      await this.#ctx.gateway.result(this.executorId, ref, result);
    } catch (error) {
      this.#ctx.log.error({ executorId: this.executorId, operationId: ref.operationId, err: error }, 'a result was not stored');
      return;
    }
    this.send({ case: 'acknowledgeResult', value: { ...ref } });
  }

  /** Waits for the results that came before it: a sandbox can't end before its start is known. */
  async #storeEnd(message: SandboxEnded): Promise<void> {
    const sandboxId = parseId('sandbox', message.sandboxId);
    const ended = { exitCode: parseExitCode('exit_code', message.exitCode), oomKilled: message.oomKilled };
    await Promise.all(this.#storing);
    await this.#ctx.gateway.sandboxEnded(this.executorId, sandboxId, ended);
  }

  /** What the executor would refuse is not sent: a message beyond all bounds would cost it its session, again and again. */
  async #operation(instruction: Instruction): Promise<Message | undefined> {
    const value = instructionToProto(instruction);
    try {
      parseAssignment(value);
      return { case: 'operation', value };
    } catch (error) {
      const ref = { operationId: instruction.id, attempt: instruction.attempt };
      await this.#ctx.gateway.result(this.executorId, ref, { outcome: 'failed', failure: failureOf(error) });
      return undefined;
    }
  }

  async #forwardOperations(): Promise<void> {
    for await (const item of this.#ctx.gateway.operations(this.executorId, this.over)) {
      const message: Message | undefined =
        'issued' in item ? await this.#operation(item.issued) : { case: 'cancel', value: { operationId: item.cancelled } };
      if (message !== undefined && !(await this.outgoing.send(create(SessionResponseSchema, { message })))) return;
    }
    if (!this.over.aborted) throw new ConnectError('the server hands out no more operations', Code.Unavailable);
  }
}
