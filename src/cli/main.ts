import { Cli } from './cli.ts';
import { EXIT } from './exit-codes.ts';
import { failureOf, failureText, Interrupted } from './failure.ts';
import { runProgram } from './program.ts';

/** Runs the command line of this process, and sets its exit code. */
export async function run(): Promise<void> {
  const argv = process.argv.slice(2);
  const cli = new Cli({
    env: process.env,
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    now: Date.now,
    color: !argv.includes('--no-color') && !process.env.NO_COLOR,
    signal: interruptSignal(),
  });
  endQuietlyOnClosedPipe();
  try {
    await runProgram(cli, argv);
    process.exitCode = cli.exitCode;
  } catch (thrown) {
    const failure = failureOf(thrown);
    cli.note(failureText(failure));
    process.exitCode = failure.exitCode;
  }
}

/** Aborts at the first Ctrl-C or SIGTERM, so that the command can clean up; the second one ends the process at once. */
function interruptSignal(): AbortSignal {
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.on(name, () => {
      if (controller.signal.aborted) process.exit(EXIT.interrupted);
      controller.abort(new Interrupted(name));
    });
  }
  return controller.signal;
}

/** `sandglass … | head` is no error: when nobody reads any more, there is nothing left to do. */
function endQuietlyOnClosedPipe(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error;
      process.exit();
    });
  }
}

if (import.meta.main) await run();
