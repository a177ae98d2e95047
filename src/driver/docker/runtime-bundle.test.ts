import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readInterpreter } from './elf.ts';
import { ensureRuntimeBundle } from './runtime-bundle.ts';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'sandglass-bundle-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

test('two that make it at the same time get one bundle, in which Node runs, and nothing else is left', async () => {
  const [first, second] = await Promise.all([ensureRuntimeBundle(root, process.execPath), ensureRuntimeBundle(root, process.execPath)]);
  expect(second).toEqual(first);
  expect(await readdir(root)).toEqual([first.directory.slice(root.length + 1)]);
  const { directory } = first;
  const args = ['--library-path', join(directory, 'lib'), join(directory, 'node'), '-p', 'process.version'];
  const { stdout } = await promisify(execFile)(join(directory, 'ld.so'), args);
  expect(stdout.trim()).toBe(process.version);
});

test('the interpreter of a dynamic executable is its loader', async () => {
  expect(await readInterpreter(process.execPath)).toMatch(/^\/lib.*ld-.*\.so/);
  await expect(readInterpreter(new URL(import.meta.url).pathname)).rejects.toThrow('not a 64-bit ELF');
});
