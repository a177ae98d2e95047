import type { IncomingHttpHeaders } from 'node:http';
import type { Clock } from '../../lib/clock.ts';
import { decodeStreamEnd } from './decode-answer.ts';
import { type Envelope, readEnvelopes } from './envelopes.ts';
import { lostGuest, silentGuest } from './guest-errors.ts';
import type { Exchange } from './guest-request.ts';

/** How long a guest may take to end an answer after its last message, before its connection is closed. */
const FINISH_MS = 5000;

interface MessageStreamOptions<T> {
  readonly exchange: Exchange;
  readonly decode: (bytes: Uint8Array) => T;
  readonly maxBytes: number;
  /** How long the guest may be silent while somebody waits for it. */
  readonly silenceMs: number;
  readonly clock: Clock;
  readonly isFrozen: () => Promise<boolean>;
  readonly signal: AbortSignal;
}

/** The messages of a guest's stream, one at a time. Nothing is read ahead: a guest waits while nobody asks. */
export class MessageStream<T> {
  readonly #options: MessageStreamOptions<T>;
  readonly #envelopes: AsyncGenerator<Envelope, void, undefined>;

  constructor(options: MessageStreamOptions<T>) {
    this.#options = options;
    this.#envelopes = readEnvelopes(options.exchange.response, options.maxBytes);
  }

  /** Of the answer; as unchecked as everything. */
  get headers(): IncomingHttpHeaders {
    return this.#options.exchange.response.headers;
  }

  /**
   * The next message; undefined when the stream has ended well.
   * @throws SandglassError what the guest says went wrong; `guest_unavailable`; the signal's reason.
   */
  async next(): Promise<T | undefined> {
    const { decode, signal } = this.#options;
    try {
      const { value } = await this.#unlessSilent(this.#envelopes.next());
      if (value === undefined) return undefined;
      if (!value.isEnd) return decode(value.bytes);
      const error = decodeStreamEnd(value.bytes);
      if (error !== undefined) throw error;
      void this.#finish();
      return undefined;
    } catch (error) {
      this.close();
      throw signal.aborted ? signal.reason : lostGuest(error);
    }
  }

  /** Gives up what has not been read. */
  close(): void {
    this.#options.exchange.abandon();
  }

  /** Reads the end of the answer, which frees its connection for the next request. */
  async #finish(): Promise<void> {
    const cancelTimer = this.#options.clock.schedule(FINISH_MS, () => this.close());
    try {
      await this.#envelopes.next();
    } catch {
      // It has told all that matters.
    } finally {
      cancelTimer();
      this.close();
    }
  }

  async #unlessSilent<R>(read: Promise<R>): Promise<R> {
    const { clock, silenceMs, isFrozen } = this.#options;
    for (;;) {
      const silence = Promise.withResolvers<'silent'>();
      const cancelTimer = clock.schedule(silenceMs, () => silence.resolve('silent'));
      try {
        const first = await Promise.race([read.then((result) => ({ result })), silence.promise]);
        if (first !== 'silent') return first.result;
        if (!(await isFrozen())) throw silentGuest(silenceMs);
      } finally {
        cancelTimer();
      }
    }
  }
}
