import { type BackoffPolicy, backoffMs } from '../lib/backoff.ts';
import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../lib/logger.ts';

export interface WorkQueueOptions {
  readonly name: string;
  /** Keys worked on at the same time. */
  readonly concurrency: number;
  /** Waits after failures of the same key. */
  readonly backoff: BackoffPolicy;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Logger;
  readonly onDepth: (depth: number) => void;
  /** Brings one object a step further. Reads everything anew; throws to be called again later. */
  readonly process: (key: string) => Promise<void>;
}

/**
 * Level-triggered work: a key says which object to look at, never what has happened to it.
 *
 *     add ──▶ waiting ──▶ processing ──▶ (done)
 *               ▲ ▲            │  │
 *               │ └─ added ────┘  └─ threw ──▶ delayed ─┐
 *               └───────────── after its backoff ───────┘
 *
 * A key is processed by one worker at a time, and waits at most once: it holds one place however often it is added, so
 * that the queue is bounded by the number of objects. A key added while it is processed is processed again.
 */
export class WorkQueue {
  readonly #options: WorkQueueOptions;
  /** In order of arrival. */
  readonly #waiting = new Set<string>();
  /** The value says whether the key was added again meanwhile. */
  readonly #processing = new Map<string, boolean>();
  readonly #failures = new Map<string, number>();
  readonly #delayed = new Map<string, () => void>();
  #closed = false;
  #onIdle: (() => void) | undefined;

  constructor(options: WorkQueueOptions) {
    this.#options = options;
  }

  /** Has `key` processed soon, and once more if it is being processed now. Does nothing after `close`. */
  add(key: string): void {
    if (this.#closed) return;
    this.#cancelDelay(key);
    if (this.#processing.has(key)) this.#processing.set(key, true);
    else this.#waiting.add(key);
    this.#dispatch();
  }

  /** Has `key` processed after `delayMs`, or before, should it be added until then. */
  addLater(key: string, delayMs: number): void {
    if (this.#closed || this.#waiting.has(key)) return;
    this.#cancelDelay(key);
    if (delayMs <= 0) {
      this.add(key);
      return;
    }
    this.#delayed.set(
      key,
      this.#options.clock.schedule(delayMs, () => this.add(key)),
    );
  }

  /** Takes no more keys, forgets those that wait, and resolves when those being processed are done. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#waiting.clear();
    for (const cancel of this.#delayed.values()) cancel();
    this.#delayed.clear();
    if (this.#processing.size > 0) await new Promise<void>((resolve) => (this.#onIdle = resolve));
  }

  #dispatch(): void {
    for (const key of this.#waiting) {
      if (this.#processing.size >= this.#options.concurrency) break;
      this.#waiting.delete(key);
      this.#processing.set(key, false);
      void this.#process(key);
    }
    this.#options.onDepth(this.#waiting.size + this.#processing.size + this.#delayed.size);
  }

  async #process(key: string): Promise<void> {
    try {
      await this.#options.process(key);
      this.#failures.delete(key);
    } catch (error) {
      this.#delay(key, error);
    }
    const again = this.#processing.get(key) === true;
    this.#processing.delete(key);
    if (again) this.add(key);
    if (this.#closed && this.#processing.size === 0) this.#onIdle?.();
    this.#dispatch();
  }

  #delay(key: string, error: unknown): void {
    const { backoff, random, log, name } = this.#options;
    if (this.#closed) return;
    const failures = (this.#failures.get(key) ?? 0) + 1;
    this.#failures.set(key, failures);
    const delayMs = backoffMs(backoff, failures, random());
    log.warn({ queue: name, key, failures, delayMs, err: error }, 'work failed; it is tried again');
    this.addLater(key, delayMs);
  }

  #cancelDelay(key: string): void {
    this.#delayed.get(key)?.();
    this.#delayed.delete(key);
  }
}
