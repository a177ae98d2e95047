import { Cli } from './cli.ts';
import { ClosedPipe, failureOf, failureText } from './failure.ts';
import { runProgram } from './program.ts';
import { StopSignals } from './signals.ts';

/** Runs the command line of this process, and sets its exit code. */
export async function run(): Promise<void> {
  const argv = process.argv.slice(2);
  const stop = new AbortController();
  const signals = new StopSignals(stop);
  stopOnClosedPipe(stop);
  const cli = new Cli({
    env: process.env,
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    now: Date.now,
    color: !argv.includes('--no-color') && !process.env.NO_COLOR,
    signal: stop.signal,
    takeSignals: (taker) => signals.take(taker),
  });
  try {
    await runProgram(cli, argv);
    process.exitCode = cli.exitCode;
  } catch (thrown) {
    if (stop.signal.reason instanceof ClosedPipe) process.exit(0);
    // Node's own streams say only that they were aborted.
    const failure = failureOf((thrown as Error | undefined)?.name === 'AbortError' && stop.signal.aborted ? stop.signal.reason : thrown);
    cli.note(failureText(failure));
    process.exitCode = failure.exitCode;
  }
}

/** `sandglass … | head` is no error: when nobody reads any more, the command cleans up, and ends without a word. */
function stopOnClosedPipe(stop: AbortController): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error;
      stop.abort(new ClosedPipe());
      // What waits for room in the pipe waits for ever.
      process.once('beforeExit', () => process.exit(0));
    });
  }
}

if (import.meta.main) await run();
