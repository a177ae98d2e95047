import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync, rmSync } from 'node:fs';
import { delimiter } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { SetupError } from './failure.mjs';
import { findProgram, SYSTEM_FOLDERS } from './find-program.mjs';
import { identityOf, isLive, pidOf, programOf } from './live-process.mjs';

const START_MS = 60_000;
/** Docker gives its containers 15 s to end. */
const STOP_MS = 40_000;
const POLL_MS = 100;
const LOG_LINES = 20;

/** Files in which daemons of a run before this one may have left their process ids. */
const PID_FILES = [
  { file: '/var/run/docker.pid', program: 'dockerd' },
  { file: '/var/run/docker/containerd/containerd.pid', program: 'containerd' },
];

/**
 * Starts `dockerd` in the background. It outlives this process.
 * @param {string} logFile written anew
 * @param {{ signal: AbortSignal, answers: () => Promise<boolean> }} options
 * @returns {Promise<import('./live-process.mjs').ProcessIdentity>} once it answers
 * @throws {SetupError} with the end of its log
 */
export async function startDockerd(logFile, { signal, answers }) {
  for (const { file, program } of PID_FILES) removeStalePidFile(file, program);
  const log = openSync(logFile, 'w', 0o600);
  const path = [process.env.PATH, ...SYSTEM_FOLDERS].join(delimiter);
  const child = spawn(findProgram('dockerd') ?? 'dockerd', [], {
    detached: true,
    stdio: ['ignore', log, log],
    env: { ...process.env, PATH: path },
  });
  closeSync(log);
  const failed = new Promise((resolve) => {
    child.once('error', resolve);
    child.once('exit', (code, by) => resolve(new Error(`it ended with ${by ?? `status ${code}`}`)));
  });
  child.unref();
  const identity = child.pid === undefined ? undefined : identityOf(child.pid);
  const problem = await Promise.race([failed, waitUntil(answers, START_MS, signal)]);
  if (problem === undefined && identity !== undefined) return identity;
  if (identity !== undefined) await stopDockerd(identity);
  signal?.throwIfAborted();
  throw new SetupError(`dockerd does not start: ${/** @type {Error} */ (problem).message}. The end of ${logFile}:`, logTail(logFile));
}

/**
 * Ends a `dockerd`, and waits until it is gone.
 * @param {import('./live-process.mjs').ProcessIdentity} identity
 * @returns {Promise<boolean>} false when it still runs after the time that it was given
 */
export async function stopDockerd(identity) {
  if (!isLive(identity)) return true;
  process.kill(pidOf(identity), 'SIGTERM');
  return (await waitUntil(async () => !isLive(identity), STOP_MS)) === undefined;
}

/**
 * Removes a pid file whose process is gone, or whose number has gone to another program: `dockerd` 20.10 would refuse to
 * start, taking that one for a daemon.
 * @param {string} file
 * @param {string} program
 */
export function removeStalePidFile(file, program) {
  try {
    if (programOf(Number(readFileSync(file, 'utf8').trim())) !== program) rmSync(file);
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'ENOENT') throw error;
  }
}

/**
 * @param {() => Promise<boolean>} condition
 * @param {number} limitMs
 * @param {AbortSignal} [signal]
 * @returns {Promise<Error | undefined>} undefined once it holds, else why we stopped waiting
 */
export async function waitUntil(condition, limitMs, signal) {
  const until = performance.now() + limitMs;
  while (!(await condition())) {
    if (signal?.aborted) return new Error('interrupted');
    if (performance.now() > until) return new Error(`nothing after ${limitMs / 1000} s`);
    await sleep(POLL_MS);
  }
  return undefined;
}

/** @param {string} file */
function logTail(file) {
  return readFileSync(file, 'utf8').trimEnd().split('\n').slice(-LOG_LINES);
}
