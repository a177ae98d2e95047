import type { Driver, SandboxEnded } from '../driver/driver.ts';
import { type BackoffPolicy, backoffMs } from '../lib/backoff.ts';
import { type Clock, sleep } from '../lib/clock.ts';
import type { Logger } from '../lib/logger.ts';

export interface SandboxWatchOptions {
  readonly driver: Driver;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Logger;
  /** How often the inventory is looked through for what the events did not tell. */
  readonly sweepIntervalMs: number;
  /** May be called more than once for one end. */
  onEnded(ended: SandboxEnded): void;
}

const BACKOFF: BackoffPolicy = { baseMs: 1_000, maxMs: 30_000 };

/**
 * Notices sandboxes that end by themselves: at once, from the engine's events, and from its inventory after a gap in
 * them and from time to time.
 */
export class SandboxWatch {
  readonly #options: SandboxWatchOptions;

  constructor(options: SandboxWatchOptions) {
    this.#options = options;
  }

  /** Watches until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all([this.#followEvents(signal), this.#sweepRegularly(signal)]);
  }

  async #followEvents(signal: AbortSignal): Promise<void> {
    const { clock, random, log } = this.#options;
    for (let attempt = 1; !signal.aborted; attempt += 1) {
      try {
        await this.#follow(signal, { catchUp: attempt > 1, onEvent: () => (attempt = 1) });
      } catch (error) {
        if (signal.aborted) return;
        log.warn({ err: error }, 'the events of the engine broke off; they are followed anew');
      }
      await sleep(clock, backoffMs(BACKOFF, attempt, random()), signal).catch(() => {});
    }
  }

  async #follow(signal: AbortSignal, { catchUp, onEvent }: { catchUp: boolean; onEvent(): void }): Promise<void> {
    const events = this.#options.driver.events(signal)[Symbol.asyncIterator]();
    let next = events.next(); // subscribes, so that the inventory below is newer
    next.catch(() => {}); // thrown where it is awaited
    if (catchUp) await this.#sweep(signal);
    for (;;) {
      const { value, done } = await next;
      if (done === true) return;
      onEvent();
      this.#options.onEnded(value);
      next = events.next();
    }
  }

  async #sweepRegularly(signal: AbortSignal): Promise<void> {
    const { clock, sweepIntervalMs, log } = this.#options;
    while (!signal.aborted) {
      await sleep(clock, sweepIntervalMs, signal).catch(() => {});
      if (signal.aborted) return;
      await this.#sweep(signal).catch((error: unknown) => {
        if (!signal.aborted) log.warn({ err: error }, 'the inventory could not be taken');
      });
    }
  }

  async #sweep(signal: AbortSignal): Promise<void> {
    const { sandboxes } = await this.#options.driver.inventory(signal);
    for (const { sandboxId, state, exitCode = 0, oomKilled = false } of sandboxes) {
      if (state === 'exited') this.#options.onEnded({ sandboxId, exitCode, oomKilled });
    }
  }
}
