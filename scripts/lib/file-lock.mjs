import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { ended, killGroup } from './run.mjs';

/** How long `flock` is given before we say that we wait. */
const NOTICE_MS = 500;

/**
 * Runs `task` while no other process holds the lock on `path`. The kernel frees it when we end, however that happens: a
 * child holds it for as long as its input, which is ours, stays open. Where there is no `flock` (util-linux, on every
 * Linux), the task runs without.
 * @template T
 * @param {string} path an existing file or folder; nothing is written to it
 * @param {{ signal?: AbortSignal | undefined, onWait?: () => void }} options
 * @param {() => Promise<T>} task
 * @returns {Promise<T>}
 */
export async function withLock(path, { signal, onWait }, task) {
  signal?.throwIfAborted();
  // Detached, so that a terminal's Ctrl-C does not free the lock before the task has cleaned up.
  const holder = spawn('flock', ['--exclusive', path, 'sh', '-c', 'echo locked; exec cat'], {
    detached: true,
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  const gone = ended(holder).catch(() => {});
  const giveUp = () => killGroup(holder.pid, 'SIGKILL');
  signal?.addEventListener('abort', giveUp, { once: true });
  const notice = setTimeout(() => onWait?.(), NOTICE_MS);
  try {
    await Promise.race([new Promise((resolve) => createInterface({ input: holder.stdout }).once('line', resolve)), gone]);
    clearTimeout(notice);
    signal?.throwIfAborted();
    signal?.removeEventListener('abort', giveUp);
    return await task();
  } finally {
    clearTimeout(notice);
    signal?.removeEventListener('abort', giveUp);
    holder.stdin.on('error', () => {});
    holder.stdin.end();
    await gone;
  }
}
