import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';

/** Lines of its messages that are kept to explain a failure. */
const TAIL_LINES = 5;
/** How long a program has to clean up after it was asked to end. */
const GRACE_MS = 15_000;

/** A program that runs. Its output must be read, or destroyed, for it to end. */
export interface RunningProgram {
  readonly stdout: Readable;
  /** Resolves when it has ended with status 0; rejects when it has ended otherwise, with its last messages or the signal's reason. */
  readonly done: Promise<void>;
}

/**
 * Starts a program that asks nothing and whose messages go to `onLine`. When `signal` aborts, it is asked to end together
 * with all that it has started, and is killed when it takes too long.
 */
export function startProgram(
  program: string,
  args: readonly string[],
  signal: AbortSignal,
  onLine: (line: string) => void = () => {},
): RunningProgram {
  signal.throwIfAborted();
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  // A process group of its own, so that the programs it starts can be ended with it.
  const child = spawn(program, args, { detached: true, stdio: ['ignore', 'pipe', 'pipe'], env });
  const tail: string[] = [];
  createInterface({ input: child.stderr }).on('line', (line) => {
    tail.push(line);
    if (tail.length > TAIL_LINES) tail.shift();
    onLine(line);
  });
  const done = new Promise<void>((resolve, reject) => {
    let killTimer: NodeJS.Timeout | undefined;
    const stop = () => {
      killGroup(child.pid, 'SIGTERM');
      killTimer = setTimeout(() => killGroup(child.pid, 'SIGKILL'), GRACE_MS);
      child.stdout.destroy();
    };
    const settle = (error?: unknown) => {
      clearTimeout(killTimer);
      signal.removeEventListener('abort', stop);
      if (signal.aborted) reject(signal.reason);
      else if (error !== undefined) reject(error);
      else resolve();
    };
    signal.addEventListener('abort', stop, { once: true });
    child.once('error', settle);
    child.once('close', (code, by) => {
      settle(code === 0 ? undefined : new Error(`${program} ended with ${by ?? `status ${code}`}: ${tail.join(' | ')}`));
    });
  });
  done.catch(() => {}); // whoever waits for it hears of it; it may fail before anybody does
  return { stdout: child.stdout, done };
}

/** What a program prints. @throws Error when it can't be started, or ends with another status than 0. */
export async function outputOf(program: string, args: readonly string[], signal: AbortSignal): Promise<string> {
  const { stdout, done } = startProgram(program, args, signal);
  const chunks: Buffer[] = [];
  stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  await done;
  return Buffer.concat(chunks).toString('utf8');
}

function killGroup(leader: number | undefined, signal: NodeJS.Signals): void {
  if (leader === undefined) return;
  try {
    process.kill(-leader, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
