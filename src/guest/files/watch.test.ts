import { execFile, execFileSync } from 'node:child_process';
import { appendFileSync, chmodSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Code } from '@connectrpc/connect';
import { expect, onTestFinished, test } from 'vitest';
import { filesTarget, type GuestFiles, guestFiles } from '../../../test/support/guest-files.ts';
import { tempFolder } from '../../../test/support/temp-folder.ts';
import { EventType, type FilesystemEvent, FileType } from '../../rpc/gen/filesystem/filesystem_pb.js';

/** A stream of events, begun, and what has come of it as text: `create name`. */
async function watching(files: GuestFiles, request: { path?: string; recursive?: boolean; includeEntry?: boolean } = {}) {
  const abort = new AbortController();
  onTestFinished(() => abort.abort());
  const stream = files.rpc.watchDir({ path: files.folder, ...request }, { signal: abort.signal })[Symbol.asyncIterator]();
  const first = await stream.next();
  expect(first.value?.event.case).toBe('start');
  const events: FilesystemEvent[] = [];
  const next = async (): Promise<FilesystemEvent> => {
    const { value } = await stream.next();
    if (value?.event.case !== 'filesystem') return next();
    events.push(value.event.value);
    return value.event.value;
  };
  return {
    /** Everything up to and with the event. */
    async until(wanted: string): Promise<string[]> {
      const texts: string[] = [];
      for (;;) {
        texts.push(text(await next()));
        if (texts.at(-1) === wanted) return texts;
      }
    },
    next,
  };
}

function text({ type, name }: FilesystemEvent): string {
  return `${EventType[type].toLowerCase()} ${name}`;
}

test('what happens to files is told in its order, with names below the watched directory', async () => {
  const files = await guestFiles();
  const watch = await watching(files);
  const path = join(files.folder, 'a file\nwith ümlaut');
  writeFileSync(path, 'one');
  chmodSync(path, 0o600);
  appendFileSync(path, 'two');
  renameSync(path, join(files.folder, 'b'));
  rmSync(join(files.folder, 'b'));
  expect(await watch.until('remove b')).toEqual([
    'create a file\nwith ümlaut',
    'write a file\nwith ümlaut',
    'chmod a file\nwith ümlaut',
    'write a file\nwith ümlaut',
    'rename a file\nwith ümlaut',
    'create b',
    'remove b',
  ]);
});

test('what is below a directory is told only when the watch is recursive', async () => {
  const files = await guestFiles();
  mkdirSync(join(files.folder, 'sub'));
  const flat = await watching(files);
  const deep = await watching(files, { recursive: true });
  writeFileSync(join(files.folder, 'sub/file'), '');
  writeFileSync(join(files.folder, 'last'), '');
  expect(await flat.until('create last')).toEqual(['create last']);
  expect(await deep.until('create last')).toEqual(['create sub/file', 'create last']);
});

test.each([
  ['while nobody reads', async (script: string, cwd: string) => execFileSync('sh', ['-c', script], { cwd })],
  ['at the same time', (script: string, cwd: string) => promisify(execFile)('sh', ['-c', script], { cwd })],
])('of trees that are made %s, each entry is told as created once, and none is missed', async (_, run) => {
  const files = await guestFiles();
  const watch = await watching(files, { recursive: true });
  const made = run('for i in $(seq 1 60); do mkdir -p t$i/a/b/c && echo x > t$i/a/b/c/file; done; touch last', files.folder);
  const created = (await watch.until('create last')).filter((event) => event.startsWith('create '));
  await made;
  const expected = Array.from({ length: 60 }, (_, index) => index + 1).flatMap((index) =>
    ['', '/a', '/a/b', '/a/b/c', '/a/b/c/file'].map((below) => `create t${index}${below}`),
  );
  expect(created.toSorted()).toEqual([...expected, 'create last'].toSorted());
});

test('a directory that is renamed within the watch goes on being told under its new name, one that leaves it does not', async () => {
  const files = await guestFiles();
  mkdirSync(join(files.folder, 'old/sub'), { recursive: true });
  const outside = tempFolder();
  const watch = await watching(files, { recursive: true });
  renameSync(join(files.folder, 'old'), join(files.folder, 'new'));
  writeFileSync(join(files.folder, 'new/sub/file'), '');
  renameSync(join(files.folder, 'new'), join(outside, 'gone'));
  writeFileSync(join(outside, 'gone/sub/unseen'), '');
  writeFileSync(join(files.folder, 'last'), '');
  expect(await watch.until('create last')).toEqual(['rename old', 'create new', 'create new/sub/file', 'rename new', 'create last']);
});

test('of a tree that is moved into the watch, everything is told as created, and what follows is seen', async () => {
  const files = await guestFiles();
  const outside = tempFolder();
  mkdirSync(join(outside, 'tree/sub'), { recursive: true });
  writeFileSync(join(outside, 'tree/sub/file'), 'x');
  const watch = await watching(files, { recursive: true });
  renameSync(join(outside, 'tree'), join(files.folder, 'tree'));
  expect(await watch.until('write tree/sub/file')).toEqual([
    'create tree',
    'create tree/sub',
    'create tree/sub/file',
    'write tree/sub/file',
  ]);
  writeFileSync(join(files.folder, 'tree/sub/more'), '');
  expect(await watch.until('create tree/sub/more')).toEqual(['create tree/sub/more']);
});

test('a storm of changes comes whole and in order', async () => {
  const files = await guestFiles();
  const watch = await watching(files);
  execFileSync('sh', ['-c', 'for i in $(seq 1 2000); do : > f$i; done; touch last'], { cwd: files.folder });
  const created = (await watch.until('create last')).filter((event) => event.startsWith('create f'));
  expect(created).toEqual(Array.from({ length: 2000 }, (_, index) => `create f${index + 1}`));
});

test('an upload is told as the write that it is', async () => {
  const files = await guestFiles();
  const watch = await watching(files);
  const target = filesTarget(join(files.folder, 'file'));
  await files.http('POST', target, { body: 'one' });
  await files.http('POST', target, { body: 'two' });
  rmSync(join(files.folder, 'file'));
  expect(await watch.until('remove file')).toEqual(['create file', 'write file', 'write file', 'remove file']);
});

test('events carry the entry when that is asked for, unless it has gone', async () => {
  const files = await guestFiles();
  const watch = await watching(files, { includeEntry: true });
  mkdirSync(join(files.folder, 'sub'));
  expect((await watch.next()).entry).toMatchObject({ name: 'sub', type: FileType.DIRECTORY, path: join(files.folder, 'sub') });
  rmSync(join(files.folder, 'sub'), { recursive: true });
  const gone = await watch.next();
  expect([text(gone), gone.entry]).toEqual(['remove sub', undefined]);
});

test('a watch ends, and says so, when its directory is removed', async () => {
  const files = await guestFiles();
  mkdirSync(join(files.folder, 'sub'));
  const watch = await watching(files, { path: 'sub' });
  rmSync(join(files.folder, 'sub'), { recursive: true });
  await watch.until('remove .');
  await expect(watch.next()).rejects.toMatchObject({ code: Code.NotFound, rawMessage: 'the watched directory was removed' });
});

test('a watch ends, and says so, when its directory is moved', async () => {
  const files = await guestFiles();
  mkdirSync(join(files.folder, 'above/sub'), { recursive: true });
  const watch = await watching(files, { path: 'above/sub', recursive: true });
  const flat = await watching(files, { path: 'above/sub' });
  renameSync(join(files.folder, 'above'), join(files.folder, 'elsewhere'));
  mkdirSync(join(files.folder, 'elsewhere/sub/new'));
  await watch.until('create new');
  await expect(watch.next()).rejects.toMatchObject({ code: Code.NotFound, rawMessage: 'the watched directory was moved' });
  renameSync(join(files.folder, 'elsewhere/sub'), join(files.folder, 'sub'));
  await flat.until('rename .');
  await expect(flat.next()).rejects.toMatchObject({ code: Code.NotFound, rawMessage: 'the watched directory was moved' });
});

test('a watcher keeps its events until they are fetched, and is gone once removed', async () => {
  const files = await guestFiles();
  const { watcherId } = await files.rpc.createWatcher({ path: '', recursive: true });
  mkdirSync(join(files.folder, 'sub'));
  writeFileSync(join(files.folder, 'sub/file'), '');
  const events: FilesystemEvent[] = [];
  while (events.length < 2) events.push(...(await files.rpc.getWatcherEvents({ watcherId })).events);
  expect(events.map(text)).toEqual(['create sub', 'create sub/file']);
  await files.rpc.removeWatcher({ watcherId });
  await expect(files.rpc.getWatcherEvents({ watcherId })).rejects.toMatchObject({ code: Code.NotFound });
  await expect(files.rpc.removeWatcher({ watcherId })).rejects.toMatchObject({ code: Code.NotFound });
});

test('a watch of nothing, and of a file, is refused', async () => {
  const files = await guestFiles();
  writeFileSync(join(files.folder, 'file'), '');
  await expect(files.rpc.createWatcher({ path: 'missing' })).rejects.toMatchObject({ code: Code.NotFound });
  await expect(files.rpc.createWatcher({ path: 'file' })).rejects.toMatchObject({ code: Code.InvalidArgument });
});

test('a stream says that it is alive as often as it is asked to', async () => {
  const files = await guestFiles();
  const abort = new AbortController();
  const headers = { 'keepalive-ping-interval': '1' };
  const cases: (string | undefined)[] = [];
  for await (const { event } of files.rpc.watchDir({ path: '' }, { signal: abort.signal, headers })) {
    cases.push(event.case);
    if (cases.length === 2) break;
  }
  expect(cases).toEqual(['start', 'keepalive']);
});
