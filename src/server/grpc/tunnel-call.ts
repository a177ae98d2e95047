import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { parseFailure, SandglassError } from '../../model/errors.ts';
import type { ExecutorId } from '../../model/ids.ts';
import { malformed } from '../../rpc/checks.ts';
import { type TunnelRequest, type TunnelResponse, TunnelResponseSchema } from '../../rpc/gen/sandglass/v1/executor_pb.js';
import { Outbox } from '../../rpc/outbox.ts';
import type { Peer } from './peer.ts';

/** What an executor says in a tunnel, beyond its id and its failure. */
export type TunnelMessage = Exclude<TunnelRequest['message'], { case: 'tunnelId' | 'failure' | undefined }>;

/**
 * One tunnel that an executor was asked for.
 *
 *   asked ──open──▶ open ──finish, or failure that the executor tells──▶ over
 *     └───────────────┴──fail (given up, or the link is lost)────────────▲
 *
 * Messages are pulled through by whoever reads them: nothing is kept here, and the executor waits when nobody reads.
 */
export class TunnelCall {
  readonly #executorId: ExecutorId;
  readonly #onOver: () => void;
  readonly #outgoing = new Outbox<TunnelResponse>({ waitAt: 1, refuseAt: 1 });
  readonly #messages = Promise.withResolvers<AsyncIterator<TunnelRequest>>();
  #peer: Peer | undefined;
  #over = false;
  #failure: unknown;
  /** Rejects the read that is under way. */
  #rejectRead: (error: unknown) => void = () => {};
  #whenFailed: (error: Error) => void = () => {};

  /** `onOver` is called once, when the tunnel needs nothing more. */
  constructor(executorId: ExecutorId, onOver: () => void) {
    this.#executorId = executorId;
    this.#onOver = onOver;
    this.#messages.promise.catch(() => {}); // a tunnel that failed before anybody read from it
  }

  /** The executor has opened the call. @returns what goes to the executor. */
  open(messages: AsyncIterator<TunnelRequest>, peer: Peer, signal: AbortSignal): AsyncIterable<TunnelResponse> {
    this.#peer = peer;
    this.#messages.resolve(messages);
    const onAbort = () => this.fail(this.#lost());
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    return this.#outgoing;
  }

  /** The next message; one call at a time. @throws why there is none: what the executor said, or what `fail` was given. */
  async next(): Promise<TunnelMessage> {
    try {
      return this.#take(await this.#receive());
    } catch (error) {
      this.fail(error);
      throw error;
    }
  }

  /** Resolves when there is room for more; with false when the tunnel is over. */
  send(message: NonNullable<MessageInitShape<typeof TunnelResponseSchema>['message']>): Promise<boolean> {
    return this.#outgoing.send(create(TunnelResponseSchema, { message }));
  }

  /** Called when the tunnel fails, also while nobody reads. */
  onFailure(callback: (error: Error) => void): void {
    this.#whenFailed = callback;
  }

  /** Everything has been said: what was sent still arrives. */
  finish(): void {
    if (this.#over) return;
    this.#over = true;
    this.#outgoing.end();
    this.#onOver();
  }

  /** Gives the tunnel up: the executor's side ends at once, and whoever reads gets `error`. */
  fail(error: unknown): void {
    if (this.#over) return;
    this.#failure = error;
    this.#messages.reject(error);
    this.#rejectRead(error);
    this.finish();
    this.#peer?.cancelCall();
    this.#whenFailed(SandglassError.from(error));
  }

  async #receive(): Promise<TunnelRequest> {
    const messages = await this.#messages.promise;
    if (this.#over) throw this.#failure ?? this.#lost();
    const { promise, resolve, reject } = Promise.withResolvers<IteratorResult<TunnelRequest>>();
    this.#rejectRead = reject;
    messages.next().then(resolve, () => reject(this.#lost()));
    const { value, done } = await promise;
    if (done === true) throw this.#lost();
    return value;
  }

  #take({ message }: TunnelRequest): TunnelMessage {
    switch (message.case) {
      case 'failure': {
        this.finish(); // the executor ends the call by itself
        const failure = parseFailure(message.value.reason, message.value.message);
        throw new SandglassError(failure.reason, failure.message);
      }
      case 'tunnelId':
        throw malformed('tunnel_id', 'came twice');
      case undefined:
        throw malformed('message', 'is missing or unknown');
      default:
        return message;
    }
  }

  #lost(): SandglassError {
    return new SandglassError('executor_unavailable', `the connection to ${this.#executorId} was lost`);
  }
}
