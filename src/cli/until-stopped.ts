import type { Cli } from './cli.ts';
import { CliError } from './failure.ts';

/** Something that runs until it is told to stop. */
interface Runnable {
  /** Resolves when it can't go on. */
  readonly failed?: Promise<Error>;
  close(): Promise<void>;
}

/** Waits until the user interrupts, or it fails; then closes it. A stop on request is a success. @throws CliError when it failed. */
export async function untilStopped(cli: Cli, runnable: Runnable): Promise<void> {
  const failure = await Promise.race([interrupted(cli.signal), runnable.failed ?? new Promise<never>(() => {})]);
  if (failure === undefined && cli.stderr.isTTY === true) cli.note('stopping; Ctrl-C again ends at once');
  await runnable.close();
  if (failure !== undefined)
    throw new CliError(`the server can't go on: ${failure.message}`, { hint: 'start it again once that is mended' });
}

/** Resolves when the user interrupts. Keeps the process alive until then. */
function interrupted(signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    const alive = setInterval(() => {}, 2 ** 30);
    const stop = () => {
      clearInterval(alive);
      resolve(undefined);
    };
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop, { once: true });
  });
}
