import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const { withLock } = await import('./file-lock.mjs' as string);

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sandglass-lock-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

describe('withLock', () => {
  it('lets one task in at a time, and says so to the one that waits', async () => {
    const entered = Promise.withResolvers<void>();
    const release = Promise.withResolvers<void>();
    const waited = Promise.withResolvers<void>();
    const order: string[] = [];
    const first = withLock(folder, {}, async () => {
      entered.resolve();
      await release.promise;
      order.push('first');
    });
    await entered.promise;
    const second = withLock(folder, { onWait: () => waited.resolve() }, async () => order.push('second'));
    await waited.promise;
    release.resolve();
    await Promise.all([first, second]);
    expect(order).toEqual(['first', 'second']);
  });

  it('is free again after its holder was killed', async () => {
    const module = new URL('./file-lock.mjs', import.meta.url).href;
    const script = `import(${JSON.stringify(module)}).then(({ withLock }) =>
      withLock(${JSON.stringify(folder)}, {}, () => new Promise(() => { console.log('held'); setInterval(() => {}, 1000); })))`;
    const holder = spawn(process.execPath, ['--eval', script], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(holder.stdout, 'data');
    holder.kill('SIGKILL');
    await once(holder, 'close');
    expect(await withLock(folder, {}, async () => 'free')).toBe('free');
  });

  it('passes on what the task throws, and is free afterwards', async () => {
    const broken = withLock(folder, {}, async () => {
      throw new Error('broken');
    });
    await expect(broken).rejects.toThrow('broken');
    expect(await withLock(folder, {}, async () => 'free')).toBe('free');
  });

  it('stops waiting when it is interrupted', async () => {
    const entered = Promise.withResolvers<void>();
    const release = Promise.withResolvers<void>();
    const first = withLock(folder, {}, async () => {
      entered.resolve();
      await release.promise;
    });
    await entered.promise;
    const abort = new AbortController();
    const onWait = () => abort.abort(new Error('stop'));
    await expect(withLock(folder, { signal: abort.signal, onWait }, async () => 'entered')).rejects.toThrow('stop');
    release.resolve();
    await first;
  });
});
