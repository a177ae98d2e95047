import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

/** Lines of output that are kept to explain a failure. */
const TAIL_LINES = 30;
/** How long a program has to end after it was asked to. */
const GRACE_MS = 10_000;

/** A program that could not be started, or ended with another status than 0. */
export class CommandError extends Error {
  /**
   * @param {string} command
   * @param {number} code its exit status; 128 + n for signal n; 127 when it could not be started
   * @param {readonly string[]} tail the last lines that it printed
   */
  constructor(command, code, tail) {
    super(`\`${command}\` ended with status ${code}`);
    this.name = 'CommandError';
    this.code = code;
    this.tail = tail;
  }
}

/**
 * @typedef {object} RunOptions
 * @property {string} [cwd]
 * @property {NodeJS.ProcessEnv} [env]
 * @property {AbortSignal | undefined} [signal] ends the program and all that it started
 * @property {NodeJS.Signals} [stopSignal] what it is sent then; SIGTERM by default
 * @property {(line: string) => void} [onLine] every line that it prints; without it, output goes to ours
 */

/**
 * Runs a program in a process group of its own, so that it can be ended together with what it has started.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {RunOptions} [options]
 * @returns {Promise<void>} once it has ended with status 0
 * @throws {CommandError}
 * @throws the signal's reason, once the program is gone
 */
export async function run(command, args, { cwd, env, signal, stopSignal = 'SIGTERM', onLine } = {}) {
  signal?.throwIfAborted();
  const child = spawn(command, args, {
    cwd,
    env,
    detached: true,
    stdio: ['ignore', onLine ? 'pipe' : 'inherit', onLine ? 'pipe' : 'inherit'],
  });
  /** @type {string[]} */
  const tail = [];
  for (const stream of [child.stdout, child.stderr]) {
    if (stream === null) continue;
    createInterface({ input: stream }).on('line', (line) => {
      tail.push(line);
      if (tail.length > TAIL_LINES) tail.shift();
      onLine?.(line);
    });
  }
  /** @type {NodeJS.Timeout | undefined} */
  let killTimer;
  const stop = () => {
    killGroup(child.pid, stopSignal);
    killTimer = setTimeout(() => killGroup(child.pid, 'SIGKILL'), GRACE_MS);
  };
  signal?.addEventListener('abort', stop, { once: true });
  try {
    const code = await ended(child);
    signal?.throwIfAborted();
    if (code !== 0) throw new CommandError([command, ...args].join(' '), code, tail);
  } catch (error) {
    if (error instanceof CommandError || signal?.aborted) throw error;
    throw new CommandError([command, ...args].join(' '), 127, [String(error)]);
  } finally {
    clearTimeout(killTimer);
    signal?.removeEventListener('abort', stop);
  }
}

/**
 * The exit status of a child, once it has ended and its output has been read.
 * @param {import('node:child_process').ChildProcess} child
 * @returns {Promise<number>} 128 + n for signal n
 * @throws when it could not be started
 */
export function ended(child) {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve(code ?? 128 + signalNumber(signal)));
  });
}

/**
 * @param {NodeJS.Signals | null} signal
 * @returns {number}
 */
export function signalNumber(signal) {
  return { SIGHUP: 1, SIGINT: 2, SIGKILL: 9, SIGPIPE: 13, SIGTERM: 15 }[/** @type {string} */ (signal)] ?? 0;
}

/**
 * Signals a process group; one that is gone already is no error.
 * @param {number | undefined} leader process id of the group's first process
 * @param {NodeJS.Signals} signal
 */
export function killGroup(leader, signal) {
  if (leader === undefined) return;
  try {
    process.kill(-leader, signal);
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'ESRCH') throw error;
  }
}
