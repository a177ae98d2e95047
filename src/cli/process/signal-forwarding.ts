import type { SignalName } from '../../../sdk/src/index.ts';
import type { StopSignal } from '../signals.ts';

/** A second Ctrl-C within this time kills. */
const KILL_WITHIN_MS = 2_000;

export interface SignalForwardingOptions {
  /** Sends a signal to the process. */
  readonly send: (pid: number, name: SignalName) => Promise<void>;
  /** Called after the process was killed, or when there is none to kill yet: stop waiting for it. */
  readonly giveUp: () => void;
  /** Epoch milliseconds. */
  readonly now: () => number;
}

/** Passes signals on to a process in a sandbox, as if it were the one that got them. */
export class SignalForwarding {
  readonly #options: SignalForwardingOptions;
  #pid: number | undefined;
  /** Came before there was a process. */
  #early: StopSignal[] = [];
  #interruptedAt = Number.NEGATIVE_INFINITY;

  constructor(options: SignalForwardingOptions) {
    this.#options = options;
  }

  /** The process is there. */
  started(pid: number): void {
    this.#pid = pid;
    for (const name of this.#early.splice(0)) void this.#options.send(pid, name);
  }

  receive(name: StopSignal): void {
    const { now, send } = this.#options;
    const isSecond = name === 'SIGINT' && now() - this.#interruptedAt < KILL_WITHIN_MS;
    if (name === 'SIGINT') this.#interruptedAt = now();
    if (isSecond) void this.#kill();
    else if (this.#pid === undefined) this.#early.push(name);
    else void send(this.#pid, name);
  }

  async #kill(): Promise<void> {
    const { send, giveUp } = this.#options;
    if (this.#pid !== undefined) await send(this.#pid, 'SIGKILL');
    giveUp();
  }
}
