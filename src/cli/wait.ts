import { type Command, Option } from 'commander';
import type { Sandbox } from '../../sdk/src/index.ts';
import type { Cli } from './cli.ts';
import { EXIT } from './exit-codes.ts';
import { CliError, failureOf, failureText } from './failure.ts';
import { formatDuration } from './format/quantities.ts';
import { parseDuration } from './parse-values.ts';
import { type Step, withProgress } from './progress.ts';
import type { Session } from './session.ts';

/** What commands that wait have in common, as commander gives it. */
export interface WaitFlags {
  readonly wait: boolean;
  /** Seconds. */
  readonly waitTimeout?: number;
}

/** Adds `--no-wait` and `--wait-timeout` to a command that waits until something is `reached`. */
export function addWaitOptions(command: Command, reached: string): Command {
  return command
    .addOption(new Option('--wait', `wait until ${reached}`).default(true).hideHelp())
    .option('--no-wait', `do not wait until ${reached}`)
    .option('--wait-timeout <duration>', 'longest wait, such as 2m', parseDuration);
}

/** Waits until each of the sandboxes runs. What was started stays when the wait fails, and the user is told. */
export async function waitUntilRunning(cli: Cli, session: Session, ids: readonly string[], flags: WaitFlags): Promise<Sandbox[]> {
  const text = ids.length === 1 ? `starting ${ids[0]}` : `starting ${ids.length} sandboxes`;
  const started = cli.now();
  const sandboxes = await orInterrupted(session.signal, `${ids.join(' ')} goes on starting`, () =>
    withProgress(cli, text, (show) => {
      const options = {
        signal: session.signal,
        timeoutMs: timeoutOf(flags),
        ...(ids.length === 1 && { onProgress: (sandbox: Sandbox) => show(sandboxStep(sandbox)) }),
      };
      return Promise.all(ids.map((id) => session.sandglass.sandboxes.waitUntilRunning(id, options)));
    }),
  );
  if (cli.stderr.isTTY === true) cli.note(`running after ${formatDuration(cli.now() - started)}`);
  return sandboxes;
}

/** `task`; when it is interrupted, the error says what goes on without us. */
export async function orInterrupted<T>(signal: AbortSignal, goesOn: string, task: () => Promise<T>): Promise<T> {
  try {
    return await task();
  } catch (thrown) {
    if (!signal.aborted) throw thrown;
    throw new CliError(`interrupted; ${goesOn}`, { exitCode: EXIT.interrupted });
  }
}

/** Milliseconds that the user allows a wait to take, if at all bounded. */
export function timeoutOf({ waitTimeout }: WaitFlags): number | undefined {
  return waitTimeout === undefined ? undefined : waitTimeout * 1000;
}

/**
 * Runs `task` for each of `ids`, one after another. A failure is told and the next one tried; the exit code is that of the
 * first failure. Answers with the ids that succeeded.
 */
export async function forEach(cli: Cli, ids: readonly string[], task: (id: string) => Promise<void>): Promise<string[]> {
  const done: string[] = [];
  for (const id of ids) {
    try {
      await task(id);
      done.push(id);
    } catch (thrown) {
      if (cli.signal.aborted) throw thrown;
      const failure = failureOf(thrown);
      cli.note(failureText(failure));
      if (cli.exitCode === 0) cli.exitCode = failure.exitCode;
    }
  }
  return done;
}

/** What a sandbox that does not run yet is doing. */
function sandboxStep({ status, pending_reason, progress }: Sandbox): Step {
  const remark = progress?.phase ?? pending_reason;
  return { text: remark === undefined ? status : `${status}: ${remark}`, done: progress?.bytes_done, total: progress?.bytes_total };
}
