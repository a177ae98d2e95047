import type { Clock } from '../lib/clock.ts';
import { compact } from '../lib/compact.ts';
import type { Logger } from '../lib/logger.ts';
import { duePrefix, parseTimedKey, type TimedKind, timeBound } from '../store/keys.ts';
import type { Store } from '../store/store.ts';
import { follow } from './follow.ts';
import { scanAll } from './scan-all.ts';

const RETRY_MS = 1000;

/** An object whose time has come. */
export interface Due {
  readonly kind: TimedKind;
  readonly namespace: string;
  readonly id: string;
}

/**
 * Tells controllers which objects need attention, and when: the `due/` index holds every deadline, every next attempt
 * and everything that has work to be done now. One timer waits for the earliest; the watch tells of earlier ones. Each entry
 * is told once; whoever is told changes the object, and with it the entry, or keeps trying.
 */
export class DueTimer {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #onDue: (due: Due) => void;
  readonly #abort = new AbortController();
  /** Entries up to this time have been told. */
  #toldUntil = -1;
  #next: { at: number; cancel: () => void } | undefined;
  #firing: Promise<void> = Promise.resolve();
  #following: Promise<void> | undefined;

  constructor(options: { store: Store; clock: Clock; log: Logger; onDue: (due: Due) => void }) {
    this.#store = options.store;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#onDue = options.onDue;
  }

  start(): void {
    this.#following = follow({
      store: this.#store,
      clock: this.#clock,
      log: this.#log,
      prefix: duePrefix,
      signal: this.#abort.signal,
      onStart: async () => {
        this.#toldUntil = -1;
        await this.#fire();
      },
      onChange: ({ key, value }) => {
        if (value !== undefined) this.#put(key);
      },
    });
  }

  async close(): Promise<void> {
    this.#abort.abort();
    this.#next?.cancel();
    await this.#following;
    await this.#firing;
  }

  #put(key: string): void {
    const { at } = parseTimedKey(key);
    if (at <= this.#toldUntil) this.#tell(key);
    else if (at <= this.#clock.now()) void this.#fire();
    else this.#wakeAt(at);
  }

  /** Tells everything that is due by now, then sets the timer for what comes next. One run at a time. */
  #fire(): Promise<void> {
    this.#firing = this.#firing
      .then(() => this.#tellDue())
      .catch((error) => {
        if (this.#abort.signal.aborted) return;
        this.#log.error({ err: error }, 'reading the due index failed; tries again');
        this.#toldUntil = -1;
        this.#wakeAt(this.#clock.now() + RETRY_MS);
      });
    return this.#firing;
  }

  async #tellDue(): Promise<void> {
    if (this.#abort.signal.aborted) return;
    const now = this.#clock.now();
    const after = this.#toldUntil < 0 ? undefined : timeBound(duePrefix, this.#toldUntil);
    // Entries that are put from here on with a time up to `now` are told by `#put`.
    this.#toldUntil = now;
    const range = { prefix: duePrefix, before: timeBound(duePrefix, now), keysOnly: true };
    for await (const { key } of scanAll(this.#store, { ...range, ...compact({ after }) })) this.#tell(key);
    const [next] = await this.#store.scan({ prefix: duePrefix, after: timeBound(duePrefix, now), limit: 1, keysOnly: true });
    if (next !== undefined) this.#wakeAt(parseTimedKey(next.key).at);
  }

  #wakeAt(at: number): void {
    if (this.#abort.signal.aborted || (this.#next !== undefined && this.#next.at <= at)) return;
    this.#next?.cancel();
    const cancel = this.#clock.schedule(at - this.#clock.now(), () => {
      this.#next = undefined;
      void this.#fire();
    });
    this.#next = { at, cancel };
  }

  #tell(key: string): void {
    const { kind, namespace, id } = parseTimedKey(key);
    this.#onDue({ kind, namespace, id });
  }
}
