/** How many messages an outbox holds. */
export interface OutboxLimits {
  /** With this many waiting, `send` waits. */
  readonly waitAt: number;
  /** With this many waiting, `push` refuses. Not below `waitAt`. */
  readonly refuseAt: number;
}

/**
 * The messages that wait to be written to one stream, and the iterator that the stream takes them from, one at a time.
 *
 *   open ──end──▶ ending (what waits is still taken) ──▶ ended
 *     └────fail──▶ failed (what waits is dropped; the stream ends with the error)
 *
 * One consumer, any number of producers. A consumer that stops (`return`, `throw`) ends it for the producers.
 */
export class Outbox<T> implements AsyncIterableIterator<T> {
  readonly #limits: OutboxLimits;
  #waiting: T[] = [];
  #ended = false;
  #failure: { readonly error: unknown } | undefined;
  #wakeConsumer: (() => void) | undefined;
  /** Calls of `send` that wait for room, in their order. */
  #producers: { readonly message: T; readonly settle: (accepted: boolean) => void }[] = [];

  constructor(limits: OutboxLimits) {
    this.#limits = limits;
  }

  /** False once no message is taken any more. */
  get open(): boolean {
    return !this.#ended;
  }

  /** Adds a message at once. False: there are too many, or the stream has ended; the message is dropped. */
  push(message: T): boolean {
    if (this.#ended || this.#waiting.length >= this.#limits.refuseAt) return false;
    this.#waiting.push(message);
    this.#wakeConsumer?.();
    return true;
  }

  /** Adds a message as soon as there is room, in the order of the calls. False: the stream has ended; the message is dropped. */
  async send(message: T): Promise<boolean> {
    if (this.#ended) return false;
    if (this.#producers.length === 0 && this.#waiting.length < this.#limits.waitAt) return this.push(message);
    return new Promise((settle) => this.#producers.push({ message, settle }));
  }

  /** Takes no more messages, also of those whose `send` still waits; what was accepted is still delivered, then the stream ends. */
  end(): void {
    this.#ended = true;
    for (const { settle } of this.#producers.splice(0)) settle(false);
    this.#wakeConsumer?.();
  }

  /** Drops what waits; the stream ends with `error`. */
  fail(error: unknown): void {
    if (this.#failure !== undefined) return;
    this.#failure = { error };
    this.#waiting = [];
    this.end();
  }

  async next(): Promise<IteratorResult<T, undefined>> {
    for (;;) {
      const message = this.#waiting.shift();
      if (message !== undefined) {
        this.#admitProducer();
        return { value: message, done: false };
      }
      if (this.#failure !== undefined) throw this.#failure.error;
      if (this.#ended) return { value: undefined, done: true };
      await new Promise<void>((resolve) => {
        this.#wakeConsumer = resolve;
      });
      this.#wakeConsumer = undefined;
    }
  }

  async return(): Promise<IteratorResult<T, undefined>> {
    this.#waiting = [];
    this.end();
    return { value: undefined, done: true };
  }

  /** The stream could not be written; the producers only see that it has ended. */
  throw(): Promise<IteratorResult<T, undefined>> {
    return this.return();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #admitProducer(): void {
    const producer = this.#producers.shift();
    if (producer === undefined) return;
    this.#waiting.push(producer.message);
    producer.settle(true);
  }
}
