import type { Duplex } from 'node:stream';
import type { Driver } from '../driver/driver.ts';
import { SandglassError } from '../model/errors.ts';
import type { SandboxId } from '../model/ids.ts';
import type { LogLine, LogsRequest, SandboxMetrics } from '../model/telemetry.ts';

/**
 * How others reach into the sandboxes of this executor, over a tunnel or from the same process: the driver, with a bound on what
 * is open at one time, and an end. Whether there is a session with the server does not matter.
 */
export class SandboxReach {
  readonly #driver: Driver;
  readonly #maxOpen: number;
  readonly #closed = new AbortController();
  readonly #guests = new Set<Duplex>();
  #open = 0;

  /** `maxOpen` connections, logs and measurements together. */
  constructor(driver: Driver, maxOpen: number) {
    this.#driver = driver;
    this.#maxOpen = maxOpen;
  }

  /**
   * A connection to the sandbox's guest; `signal` ends the wait for it only.
   * @throws SandglassError `too_many_requests`, `executor_unavailable` once closed, and what `Driver.connectGuest` throws.
   */
  async connectGuest(sandboxId: SandboxId, signal: AbortSignal): Promise<Duplex> {
    const release = this.#take();
    const wait = new AbortController();
    const giveUp = () => wait.abort(signal.aborted ? signal.reason : this.#closed.signal.reason);
    const ends = [signal, this.#closed.signal];
    for (const end of ends) end.addEventListener('abort', giveUp, { once: true });
    try {
      signal.throwIfAborted();
      const guest = await this.#driver.connectGuest(sandboxId, wait.signal);
      this.#guests.add(guest);
      guest.on('error', () => {}); // without a listener the process would die of it
      guest.on('close', () => {
        this.#guests.delete(guest);
        release();
      });
      if (wait.signal.aborted) guest.destroy();
      wait.signal.throwIfAborted();
      return guest;
    } catch (error) {
      release();
      throw error;
    } finally {
      for (const end of ends) end.removeEventListener('abort', giveUp);
    }
  }

  /** @throws SandglassError as `connectGuest`, and what `Driver.logs` throws. */
  async *logs(request: LogsRequest, signal: AbortSignal): AsyncIterable<LogLine> {
    const release = this.#take();
    const until = AbortSignal.any([signal, this.#closed.signal]);
    try {
      until.throwIfAborted();
      yield* this.#driver.logs(request, until);
      until.throwIfAborted(); // a log that was broken off has not ended
    } finally {
      release();
    }
  }

  /** @throws SandglassError as `connectGuest`, and what `Driver.metrics` throws. */
  async metrics(sandboxId: SandboxId, signal: AbortSignal): Promise<SandboxMetrics> {
    const release = this.#take();
    const until = AbortSignal.any([signal, this.#closed.signal]);
    try {
      until.throwIfAborted();
      return await this.#driver.metrics(sandboxId, until);
    } finally {
      release();
    }
  }

  /** Ends what is open, and takes no more. */
  close(): void {
    const stopped = new SandglassError('executor_unavailable', 'the executor of the sandbox has stopped');
    this.#closed.abort(stopped);
    for (const guest of this.#guests) guest.destroy(stopped);
  }

  /** @returns what gives the place back; a second call of it changes nothing. */
  #take(): () => void {
    this.#closed.signal.throwIfAborted();
    if (this.#open >= this.#maxOpen) {
      throw new SandglassError('too_many_requests', `${this.#maxOpen} connections into sandboxes of this executor are open; try again`);
    }
    this.#open += 1;
    let held = true;
    return () => {
      if (held) this.#open -= 1;
      held = false;
    };
  }
}
