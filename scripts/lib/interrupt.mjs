import { signalNumber } from './run.mjs';

/** A terminal's Ctrl-C reaches us twice, directly and through npm. What follows later is a person who lost patience. */
const ECHO_MS = 1000;

/** Why a command ends early. */
export class Interrupted extends Error {
  /** @param {NodeJS.Signals} signal */
  constructor(signal) {
    super(`interrupted by ${signal}`);
    this.name = 'Interrupted';
    this.signal = signal;
    /** Exit status that says so. */
    this.code = 128 + signalNumber(signal);
  }
}

/**
 * Turns the first SIGINT, SIGTERM or SIGHUP into an abort, so that the command can clean up; and likewise the end of who
 * reads our output, as in `npm test | head`.
 * @param {() => void} [onAgain] a person repeats it
 * @returns {AbortSignal} aborts with an `Interrupted`
 */
export function onInterrupt(onAgain = () => {}) {
  const controller = new AbortController();
  let firstAt = 0;
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => controller.abort(new Interrupted('SIGPIPE')));
  for (const name of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) {
    process.on(name, () => {
      if (!controller.signal.aborted) {
        firstAt = performance.now();
        controller.abort(new Interrupted(name));
      } else if (performance.now() - firstAt > ECHO_MS) {
        onAgain();
      }
    });
  }
  return controller.signal;
}
