import { execFileSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readdirSync, readlinkSync, renameSync, symlinkSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { Code } from '@connectrpc/connect';
import { expect, onTestFinished, test } from 'vitest';
import { guestFiles } from '../../../test/support/guest-files.ts';
import { tempFolder } from '../../../test/support/temp-folder.ts';
import { EventType } from '../../rpc/gen/filesystem/filesystem_pb.js';
import { DirectoryWatch } from './directory-watch.ts';
import { Inotify } from './inotify.ts';
import { libc } from './libc.ts';
import { MAX_WATCHES } from './watch-pool.ts';

const never = new AbortController().signal;

function watched(folder: string, { inotify = new Inotify(libc()), recursive = false, maxQueued = Number.POSITIVE_INFINITY } = {}) {
  const watch = new DirectoryWatch(inotify, folder, recursive, maxQueued);
  onTestFinished(() => watch[Symbol.dispose]());
  return watch;
}

/** What is told up to an event with this name. */
async function until(watch: DirectoryWatch, name: string): Promise<string[]> {
  const told: string[] = [];
  while (!told.some((text) => text.endsWith(` ${name}`))) {
    await watch.wait(60_000, never);
    told.push(...watch.take().map((change) => `${EventType[change.type].toLowerCase()} ${change.name}`));
  }
  return told;
}

function inotifyInstances(): number {
  return readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`) === 'anon_inode:inotify';
    } catch {
      return false;
    }
  }).length;
}

test('when more waits than may, what is there is told, and then that the rest is lost', async () => {
  const folder = tempFolder();
  const watch = watched(folder, { maxQueued: 3 });
  for (const name of ['a', 'b', 'c', 'd', 'e']) mkdirSync(join(folder, name));
  expect(await until(watch, 'c')).toEqual(['create a', 'create b', 'create c']);
  await watch.wait(60_000, never);
  expect(() => watch.take()).toThrow(
    expect.objectContaining({ reason: 'too_many_requests', message: expect.stringContaining('watch again') }),
  );
});

test('when the kernel loses events, the watch says so and ends', async () => {
  const folder = tempFolder();
  const watch = watched(folder);
  const [a = 0, b = 0] = ['a', 'b'].map((name) => openSync(join(folder, name), 'w'));
  // Meanwhile nobody reads, and the kernel keeps 16384 events (fs.inotify.max_queued_events).
  for (let count = 0; count < 10_000; count++) for (const fd of [a, b]) writeSync(fd, 'x');
  for (const fd of [a, b]) closeSync(fd);
  await until(watch, 'b');
  await expect(
    (async () => {
      for (;;) {
        await watch.wait(60_000, never);
        watch.take();
      }
    })(),
  ).rejects.toMatchObject({ reason: 'too_many_requests' });
});

test('repeated writes that nobody has taken are one', async () => {
  const folder = tempFolder();
  writeFileSync(join(folder, 'log'), '');
  const watch = watched(folder);
  execFileSync('sh', ['-c', 'for i in 1 2 3 4 5; do echo x >> log; done; echo x >> other; echo x >> log'], { cwd: folder });
  mkdirSync(join(folder, 'last'));
  expect(await until(watch, 'last')).toEqual(['write log', 'create other', 'write other', 'write log', 'create last']);
});

test('watches share one inotify instance, do not disturb one another, and close it when the last one goes', async () => {
  const before = inotifyInstances();
  const folder = tempFolder();
  mkdirSync(join(folder, 'sub'));
  const inotify = new Inotify(libc());
  const one = watched(folder, { inotify });
  const two = watched(folder, { inotify, recursive: true });
  const three = watched(join(folder, 'sub'), { inotify });
  expect(inotifyInstances()).toBe(before + 1);
  one[Symbol.dispose]();
  mkdirSync(join(folder, 'sub/x'));
  expect(await until(two, 'sub/x')).toEqual(['create sub/x']);
  expect(await until(three, 'x')).toEqual(['create x']);
  two[Symbol.dispose]();
  mkdirSync(join(folder, 'sub/y'));
  expect(await until(three, 'y')).toEqual(['create y']);
  three[Symbol.dispose]();
  expect(inotifyInstances()).toBe(before);
});

test('names that are not UTF-8 are told, and directories with such names watched', async () => {
  const folder = tempFolder();
  const watch = watched(folder, { recursive: true });
  execFileSync('sh', ['-c', "d=$(printf 'd\\377'); mkdir $d; echo x > $d/f; mkdir last"], { cwd: folder });
  expect((await until(watch, 'last')).filter((text) => !text.startsWith('write'))).toEqual([
    'create d\ufffd',
    'create d\ufffd/f',
    'create last',
  ]);
});

test('symbolic links below the directory are not followed, but the directory itself may be one', async () => {
  const folder = tempFolder();
  const outside = tempFolder();
  symlinkSync(outside, join(folder, 'link'));
  const below = watched(folder, { recursive: true });
  const itself = watched(join(folder, 'link'), { recursive: true });
  mkdirSync(join(outside, 'x'));
  mkdirSync(join(folder, 'last'));
  expect(await until(itself, 'x')).toEqual(['create x']);
  expect(await until(below, 'last')).toEqual(['create last']);
});

test('what a program does to save a file is told in full', async () => {
  const folder = tempFolder();
  writeFileSync(join(folder, 'file'), 'old');
  const watch = watched(folder);
  writeFileSync(join(folder, 'file~'), 'new');
  renameSync(join(folder, 'file~'), join(folder, 'file'));
  mkdirSync(join(folder, 'last'));
  expect(await until(watch, 'last')).toEqual(['create file~', 'write file~', 'rename file~', 'create file', 'create last']);
});

test('there is a limit to how many directories may be watched, and room again when one is let go', async () => {
  const { rpc } = await guestFiles();
  const ids = [];
  for (let count = 0; count < MAX_WATCHES; count++) ids.push((await rpc.createWatcher({ path: '' })).watcherId);
  await expect(rpc.createWatcher({ path: '' })).rejects.toMatchObject({ code: Code.ResourceExhausted });
  await rpc.removeWatcher({ watcherId: ids[0] ?? '' });
  ids[0] = (await rpc.createWatcher({ path: '' })).watcherId;
  for (const watcherId of ids) await rpc.removeWatcher({ watcherId });
});
