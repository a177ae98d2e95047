import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { WalSync } from './wal-sync.ts';

let folder: string;
let events: string[];
let openFiles: number;
let sync: WalSync;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sandglass-wal-'));
  events = [];
  openFiles = 0;
  sync = new WalSync(folder, observedOpen);
});

afterEach(async () => {
  await sync.close();
  expect(openFiles).toBe(0);
  rmSync(folder, { recursive: true, force: true });
});

/** Opens files as usual, and notes which are synced. */
async function observedOpen(path: string, flags: number) {
  const file = await open(path, flags);
  const name = path === folder ? 'folder' : basename(path);
  openFiles++;
  return {
    datasync: async () => {
      events.push(`sync ${name}`);
      await file.datasync();
    },
    sync: async () => {
      events.push(`sync ${name}`);
      await file.sync();
    },
    close: async () => {
      openFiles--;
      await file.close();
    },
  };
}

const write = (...numbers: number[]) => {
  for (const number of numbers) writeFileSync(join(folder, nameOf(number)), 'record');
};
const nameOf = (number: number) => `${String(number).padStart(6, '0')}.log`;
const syncTo = async (number: number) => {
  events = [];
  await sync.sync(async () => ({ name: nameOf(number), number }));
  return events;
};

test('while the log stays the same, it alone is synced', async () => {
  write(4);
  await syncTo(4);
  expect(await syncTo(4)).toEqual(['sync 000004.log']);
});

test('the first sync takes in older logs, and the names of the files', async () => {
  write(3, 4);
  writeFileSync(join(folder, 'LOG'), '');
  writeFileSync(join(folder, '000002.sst'), '');
  expect(await syncTo(4)).toEqual(['sync 000003.log', 'sync 000004.log', 'sync folder']);
});

test('a new log takes the one before and all between with it', async () => {
  write(4);
  await syncTo(4);
  write(7, 9, 12);
  expect(await syncTo(9)).toEqual(['sync 000004.log', 'sync 000007.log', 'sync 000009.log', 'sync folder']);
  expect(await syncTo(12)).toEqual(['sync 000009.log', 'sync 000012.log', 'sync folder']);
});

test('a log that RocksDB has removed meanwhile is none of its business', async () => {
  write(4);
  await syncTo(4);
  rmSync(join(folder, nameOf(4)));
  write(5);
  expect(await syncTo(5)).toEqual(['sync 000004.log', 'sync 000005.log', 'sync folder']);
});

test('a current log that is not there is an error', async () => {
  await expect(syncTo(4)).rejects.toMatchObject({ code: 'ENOENT' });
});
