import type { Clock } from '../lib/clock.ts';
import { SILENT_INTERVALS } from './limits.ts';

export interface HeartbeatOptions {
  readonly clock: Clock;
  readonly intervalMs: number;
  /** Called every interval: sends something, so that the other side hears us. */
  beat(): void;
  /** Called once, when nothing has been heard for three intervals. */
  silent(): void;
}

/** Keeps one session alive, and notices when the other side is gone although the connection does not say so. */
export class Heartbeat {
  readonly #options: HeartbeatOptions;
  #cancelBeat: () => void;
  #cancelSilence: () => void;
  #stopped = false;

  /** Starts at once. */
  constructor(options: HeartbeatOptions) {
    this.#options = options;
    this.#cancelBeat = this.#scheduleBeat();
    this.#cancelSilence = this.#scheduleSilence();
  }

  /** To be called for everything that the other side sends. */
  heard(): void {
    if (this.#stopped) return;
    this.#cancelSilence();
    this.#cancelSilence = this.#scheduleSilence();
  }

  stop(): void {
    this.#stopped = true;
    this.#cancelBeat();
    this.#cancelSilence();
  }

  #scheduleBeat(): () => void {
    return this.#options.clock.schedule(this.#options.intervalMs, () => {
      this.#cancelBeat = this.#scheduleBeat();
      this.#options.beat();
    });
  }

  #scheduleSilence(): () => void {
    return this.#options.clock.schedule(this.#options.intervalMs * SILENT_INTERVALS, () => {
      this.stop();
      this.#options.silent();
    });
  }
}
