import { ReadStream } from 'node:tty';
import { loadNative } from '../native.ts';
import { runAs } from './credentials.ts';
import { launchError } from './launch-error.ts';
import { checkPlan, type LaunchPlan, type TerminalSize } from './launch-plan.ts';
import type { Launched, TakeOutput } from './launched.ts';
import { libc } from './libc.ts';
import { preferInOomKill } from './oom-score.ts';
import { readInto } from './read-buffer.ts';
import type { ExitStatus } from './signals.ts';
import { TerminalInput } from './terminal-input.ts';

/**
 * The native part of node-pty. Its own JavaScript closes a terminal 200 ms after its process has ended, also when a slow reader
 * has not got all of the output yet; so it is not used.
 */
interface NativePty {
  fork(
    file: string,
    args: readonly string[],
    env: readonly string[],
    cwd: string,
    cols: number,
    rows: number,
    uid: number,
    gid: number,
    isUtf8: boolean,
    spawnProgram: string,
    onExit: (code: number, signal: number) => void,
  ): { readonly fd: number; readonly pid: number; readonly pty: string };
  resize(fd: number, cols: number, rows: number): void;
}

const SAME_ID = -1;
let native: NativePty | undefined;

/**
 * Starts a process on a terminal of its own, which belongs to the process's user.
 * @throws GuestError `command_not_found`, `invalid_workdir`, `too_many_requests`
 */
export function launchTerminal(plan: LaunchPlan, size: TerminalSize, take: TakeOutput): Launched {
  native ??= loadNative('pty') as NativePty;
  const { fork, resize } = native;
  const { cmd, args, account } = plan;
  const env = Object.entries(plan.env).map(([name, value]) => `${name}=${value}`);
  const { promise: exited, resolve: onExit } = Promise.withResolvers<ExitStatus>();
  const report = (code: number, signal: number) => onExit(signal > 0 ? { signal } : { code });
  try {
    const { fd, pid } = runAs(account, () =>
      fork(cmd, args, env, checkPlan(plan).cwd, size.cols, size.rows, SAME_ID, SAME_ID, true, '', report),
    );
    preferInOomKill(pid);
    libc().closeOnExec(fd); // or all that is started from now on could read and write this terminal
    const socket = new ReadStream(fd, { onread: readInto(take) });
    return {
      pid,
      sources: [{ stream: 'pty', socket }],
      input: new TerminalInput(fd, socket),
      exited,
      resize: ({ cols, rows }) => {
        if (!socket.destroyed) resize(fd, cols, rows);
      },
    };
  } catch (error) {
    throw launchError(error, plan);
  }
}
