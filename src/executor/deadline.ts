import type { Clock } from '../lib/clock.ts';

/** A time limit that starts anew with every sign of progress. */
export class Deadline {
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  readonly #onPassed: () => void;
  #at: number;
  #cancel: () => void;

  /** `onPassed` is called once, when nothing has moved for `timeoutMs`. */
  constructor(clock: Clock, timeoutMs: number, onPassed: () => void) {
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
    this.#onPassed = onPassed;
    this.#at = clock.now() + timeoutMs;
    this.#cancel = clock.schedule(timeoutMs, () => this.#check());
  }

  /** Something has moved. Cheap enough for every chunk: the timer is only set again when it strikes. */
  extend(): void {
    this.#at = this.#clock.now() + this.#timeoutMs;
  }

  cancel(): void {
    this.#cancel();
  }

  #check(): void {
    const leftMs = this.#at - this.#clock.now();
    if (leftMs <= 0) this.#onPassed();
    else this.#cancel = this.#clock.schedule(leftMs, () => this.#check());
  }
}
