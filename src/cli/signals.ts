import { EXIT } from './exit-codes.ts';
import { Interrupted } from './failure.ts';

const ENDING = ['SIGINT', 'SIGTERM'] as const;
/** These end the process as they always do, unless a command takes them. */
const TAKEN_TOO = ['SIGHUP', 'SIGQUIT'] as const;

export type StopSignal = (typeof ENDING)[number] | (typeof TAKEN_TOO)[number];

/** Called with each signal instead of what usually happens. */
export type SignalTaker = (name: StopSignal) => void;

/**
 * What signals to this process do. Usually the first Ctrl-C or SIGTERM aborts, so that the command can clean up, and the second one
 * ends the process at once; a command that passes signals on takes them for itself.
 */
export class StopSignals {
  readonly #stop: AbortController;
  #taker: SignalTaker | undefined;

  constructor(stop: AbortController) {
    this.#stop = stop;
    for (const name of ENDING) process.on(name, () => this.#receive(name));
  }

  /** From now on `taker` gets the signals, until what is returned is called. */
  take(taker: SignalTaker): () => void {
    this.#taker = taker;
    for (const name of TAKEN_TOO) process.on(name, taker);
    return () => {
      this.#taker = undefined;
      for (const name of TAKEN_TOO) process.off(name, taker);
    };
  }

  #receive(name: StopSignal): void {
    if (this.#taker !== undefined) this.#taker(name);
    else if (this.#stop.signal.aborted) process.exit(EXIT.interrupted);
    else this.#stop.abort(new Interrupted(name));
  }
}
