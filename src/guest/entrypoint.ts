import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { EntrypointError } from './entrypoint-error.ts';
import { GuestError } from './guest-error.ts';
import { runAs } from './process/credentials.ts';
import { launchError } from './process/launch-error.ts';
import { checkPlan, planLaunch } from './process/launch-plan.ts';
import { preferInOomKill } from './process/oom-score.ts';
import { exitStatus, shellStatus } from './process/signals.ts';
import type { GuestSettings } from './settings.ts';

const FORWARDED: readonly NodeJS.Signals[] = ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2', 'SIGWINCH'];

/**
 * Starts the entrypoint as the sandbox's user, with the guest's own standard output and error, which are the container's log.
 * Signals to the guest are passed on to it, and when it ends, so does the sandbox.
 * @param onEnd called with the status that the sandbox ends with: the entrypoint's, 128 + n for signal n.
 * @throws EntrypointError
 */
export async function startEntrypoint(
  entrypoint: readonly string[],
  settings: GuestSettings,
  onEnd: (status: number) => void,
): Promise<void> {
  const [cmd = '', ...args] = entrypoint;
  try {
    const child = await spawnEntrypoint(cmd, args, settings);
    for (const signal of FORWARDED) process.on(signal, () => child.kill(signal));
    child.on('exit', (code, signal) => onEnd(shellStatus(exitStatus(code, signal))));
  } catch (error) {
    throw new EntrypointError(GuestError.from(error));
  }
}

/** In a session of its own, so that an entrypoint that signals its whole group does not end the guest. */
async function spawnEntrypoint(cmd: string, args: readonly string[], settings: GuestSettings): Promise<ChildProcess> {
  const plan = planLaunch({ cmd, args, env: {}, hasInput: false }, settings);
  try {
    const child = runAs(plan.account, () =>
      spawn(cmd, args, { cwd: checkPlan(plan).cwd, env: { ...plan.env }, stdio: ['ignore', 'inherit', 'inherit'], detached: true }),
    );
    if (child.pid === undefined) throw (await once(child, 'error'))[0];
    preferInOomKill(child.pid);
    return child;
  } catch (error) {
    throw launchError(error, plan);
  }
}
