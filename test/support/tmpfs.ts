import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

/**
 * A file system of its own, in memory, for what happens at the end of a disk or between two; gone when the running test ends. Needs root,
 * as the engine's tests do.
 * @param size as mount(8) takes it, such as `1m`.
 */
export function mountTmpfs(size = '64m'): string {
  return mount('tmpfs', `size=${size}`);
}

/** Another one, which keeps no extended attributes. */
export function mountRamfs(): string {
  return mount('ramfs', 'mode=755');
}

function mount(type: string, options: string): string {
  const path = mkdtempSync(join(tmpdir(), `sandglass-${type}-`));
  execFileSync('mount', ['-t', type, '-o', options, type, path]);
  onTestFinished(() => {
    execFileSync('umount', ['--lazy', path]);
    rmdirSync(path);
  });
  return path;
}
