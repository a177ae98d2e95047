import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { resolveUser, type UserIdentity } from './resolve-user.ts';
import type { StartLine } from './start-line.ts';

/** Where Docker looks for programs when an image does not say. */
const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const FORWARDED: readonly NodeJS.Signals[] = ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2', 'SIGWINCH'];
const NOT_FOUND = 127;
const NOT_EXECUTABLE = 126;

/**
 * Runs the entrypoint with the guest's own standard output and error, which are the container's log, and passes signals
 * on to it. The guest takes on the entrypoint's user for good: only so can the entrypoint have supplementary groups.
 * @returns the exit status of the entrypoint: 128 + n for signal n; 127 or 126 when it could not be started.
 */
export function runEntrypoint(line: StartLine, report: (message: string) => void): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<number>();
  const fail = (error: unknown) => {
    report(`failed: ${explain(error, line)}`);
    resolve(hasCode(error, 'EACCES') ? NOT_EXECUTABLE : NOT_FOUND);
  };
  try {
    const user = line.user === undefined ? undefined : resolveUser(line.user, read('/etc/passwd'), read('/etc/group'));
    if (user !== undefined) become(user);
    if (line.workdir !== undefined) process.chdir(line.workdir);

    const [program = '', ...args] = line.entrypoint;
    const child = spawn(program, args, { env: environment(line, user), stdio: ['ignore', 'inherit', 'inherit'] });
    for (const signal of FORWARDED) process.on(signal, () => child.kill(signal));
    child.on('spawn', () => report('started'));
    child.on('error', fail);
    child.on('exit', (code, signal) => resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])));
  } catch (error) {
    fail(error);
  }
  return promise;
}

function become({ uid, gid, groups }: UserIdentity): void {
  process.setgroups?.([...groups]);
  process.setgid?.(gid);
  process.setuid?.(uid);
}

function environment(line: StartLine, user: UserIdentity | undefined): Record<string, string> {
  const { HOSTNAME = '', HOME = '/' } = process.env;
  return { PATH: DEFAULT_PATH, HOSTNAME, HOME: user?.home ?? HOME, ...line.env };
}

/** The error in the words of the entrypoint, where Node names a system call. */
function explain(error: unknown, { entrypoint: [program], workdir }: StartLine): string {
  if (hasCode(error, 'ENOENT', 'chdir')) return `there is no working directory ${workdir}`;
  if (hasCode(error, 'EACCES', 'chdir')) return `the user may not enter the working directory ${workdir}`;
  if (hasCode(error, 'ENOENT')) return `there is no command ${JSON.stringify(program)} in the image`;
  if (hasCode(error, 'EACCES')) return `${program} is not executable`;
  return error instanceof Error ? error.message : String(error);
}

function hasCode(error: unknown, code: string, syscall?: string): boolean {
  const { code: actual, syscall: call } = error as NodeJS.ErrnoException;
  return actual === code && (syscall === undefined || call === syscall);
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return ''; // an image need not have it
  }
}
