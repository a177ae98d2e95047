import { describe, expect, it } from 'vitest';

const { run, CommandError } = await import('./run.mjs' as string);
const { isLive, identityOf } = await import('./live-process.mjs' as string);

describe('run', () => {
  it('hands over every line of both outputs', async () => {
    const lines: string[] = [];
    await run('sh', ['-c', 'echo one; echo two >&2; printf three'], { onLine: (line: string) => lines.push(line) });
    expect(lines.sort()).toEqual(['one', 'three', 'two']);
  });

  it('fails with the status and the last lines', async () => {
    const failed = run('sh', ['-c', 'seq 100; exit 7'], { onLine: () => {} });
    await expect(failed).rejects.toBeInstanceOf(CommandError);
    await expect(failed).rejects.toMatchObject({ code: 7, tail: expect.arrayContaining(['71', '100']) });
    await expect(failed).rejects.not.toMatchObject({ tail: expect.arrayContaining(['70']) });
  });

  it('fails with 127 when there is no such program', async () => {
    await expect(run('no-such-program', [], { onLine: () => {} })).rejects.toMatchObject({ code: 127 });
  });

  it('ends the program and all that it has started', async () => {
    const abort = new AbortController();
    let identities: string[] = [];
    const running = run('sh', ['-c', 'sleep 600 & echo $$ $!; wait'], {
      signal: abort.signal,
      onLine(line: string) {
        identities = line.split(' ').map((pid) => identityOf(Number(pid)));
        abort.abort(new Error('stop'));
      },
    });
    await expect(running).rejects.toThrow('stop');
    expect(identities).toHaveLength(2);
    await expect.poll(() => identities.map(isLive)).toEqual([false, false]);
  });

  it('starts nothing after an interrupt', async () => {
    await expect(run('no-such-program', [], { signal: AbortSignal.abort(new Error('stop')) })).rejects.toThrow('stop');
  });
});
