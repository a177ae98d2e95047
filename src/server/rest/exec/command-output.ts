import { abortable, untilAborted } from '../../../lib/abortable.ts';
import type { Clock } from '../../../lib/clock.ts';
import { SandglassError } from '../../../model/errors.ts';
import type { CommandOutput, CommandRequest, CommandRunner, RemoteCommand } from '../../command-runner.ts';
import type { GuestTarget } from '../../guests/guest-clients.ts';

export interface CommandCall {
  readonly target: GuestTarget;
  readonly request: Omit<CommandRequest, 'stdin' | 'timeoutMs'>;
  /** All that the command reads. */
  readonly stdin: Uint8Array;
  readonly timeoutSecs: number;
}

const STDIN_CHUNK_BYTES = 64 * 1024;
/** How much later the sandbox kills a command by itself: the server comes first, unless it is gone. */
const UNATTENDED_MS = 5000;

/**
 * Runs a command, and yields what it prints and then its exit code. The command is killed when the time is up, when `signal`
 * aborts, and when nobody reads on.
 * @throws SandglassError `exec_timeout`; what the runner throws; the signal's reason.
 */
export async function* commandOutput(
  commands: CommandRunner,
  { target, request, stdin, timeoutSecs }: CommandCall,
  clock: Clock,
  signal: AbortSignal,
): AsyncGenerator<CommandOutput, void, undefined> {
  const kill = new AbortController();
  const cancelTimer = clock.schedule(timeoutSecs * 1000, () =>
    kill.abort(new SandglassError('exec_timeout', `the command did not end within ${timeoutSecs} s, and was killed; raise timeout_secs`)),
  );
  const ended = AbortSignal.any([kill.signal, signal]);
  let exited = false;
  const hasInput = stdin.length > 0;
  try {
    const timeoutMs = timeoutSecs * 1000 + UNATTENDED_MS;
    const command = await abortable(commands.run(target, { ...request, stdin: hasInput, timeoutMs }, ended), ended);
    if (hasInput) void feed(command, stdin, ended);
    for await (const output of untilAborted(command.output, ended)) {
      if ('exitCode' in output) exited = true;
      yield output;
    }
    if (!exited) throw new SandglassError('guest_unavailable', 'the output broke off before the command had ended');
  } finally {
    cancelTimer();
    if (!exited) kill.abort(new SandglassError('operation_cancelled', 'nobody reads the output any longer'));
  }
}

/** Writes all of `stdin`, then its end. Never throws: a command that does not read to the end has its reasons. */
async function feed(command: RemoteCommand, stdin: Uint8Array, signal: AbortSignal): Promise<void> {
  try {
    for (let offset = 0; offset < stdin.length && !signal.aborted; offset += STDIN_CHUNK_BYTES) {
      await command.writeStdin(stdin.subarray(offset, offset + STDIN_CHUNK_BYTES));
    }
    await command.closeStdin();
  } catch {
    // What went wrong shows in the command's output, or in its exit code.
  }
}
