import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { outputOf, startProgram } from './child-program.ts';

const never = new AbortController().signal;

/** A process that has ended and waits to be reaped does not count: who inherits orphans may be slow about it. */
function isAlive(pid: number): boolean {
  try {
    return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

describe('a program', () => {
  it('gives what it prints', async () => {
    expect(await outputOf('sh', ['-c', 'echo out; echo message >&2'], never)).toBe('out\n');
  });

  it('fails with its status and last messages', async () => {
    await expect(outputOf('sh', ['-c', 'echo broken >&2; exit 3'], never)).rejects.toThrow('sh ended with status 3: broken');
  });

  it('fails when it is not there', async () => {
    await expect(outputOf('no-such-program', [], never)).rejects.toThrow('ENOENT');
  });

  it('is ended with all that it has started, and is gone when the failure is told', async () => {
    const abort = new AbortController();
    const { stdout, done } = startProgram('sh', ['-c', 'sleep 600 & echo $$ $!; wait'], abort.signal);
    const [line] = await once(stdout, 'data');
    const pids = String(line).trim().split(' ').map(Number);
    expect(pids.map(isAlive)).toEqual([true, true]);
    abort.abort(new Error('stop'));
    await expect(done).rejects.toThrow('stop');
    await expect.poll(() => pids.map(isAlive)).toEqual([false, false]);
  });
});
