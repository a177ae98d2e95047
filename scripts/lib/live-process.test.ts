import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const { identityOf, isLive, pidOf, programOf } = await import('./live-process.mjs' as string);
const { removeStalePidFile } = await import('./dockerd.mjs' as string);

describe('the identity of a process', () => {
  it('holds while it lives, and not after', async () => {
    const child = spawn('sleep', ['600']);
    const identity = identityOf(child.pid);
    expect(isLive(identity)).toBe(true);
    expect(pidOf(identity)).toBe(child.pid);
    child.kill();
    await once(child, 'close');
    expect(isLive(identity)).toBe(false);
    expect(identityOf(child.pid)).toBeUndefined();
  });

  it('differs from that of another process with the same id', () => {
    const identity = identityOf(process.pid);
    expect(isLive(`${identity}0`)).toBe(false);
  });

  it.each([0, -1, Number.NaN])('of %d is none', (pid) => {
    expect(identityOf(pid)).toBeUndefined();
  });
});

describe('a pid file', () => {
  it.each([
    ['of the program that runs', () => [`${process.pid}\n`, programOf(process.pid)], true],
    ['whose number belongs to another program', () => [`${process.pid}`, 'dockerd'], false],
    ['whose process is gone', () => ['4194999', 'dockerd'], false],
    ['that is empty', () => ['', 'dockerd'], false],
  ])('%s: is kept %o', (_, make, kept) => {
    const folder = mkdtempSync(join(tmpdir(), 'sandglass-pid-'));
    const file = join(folder, 'pid');
    const [text, program] = make();
    writeFileSync(file, text as string);
    removeStalePidFile(file, program);
    expect(existsSync(file)).toBe(kept);
    removeStalePidFile(join(folder, 'missing'), 'dockerd');
    rmSync(folder, { recursive: true });
  });
});
