import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { Code, type ConnectError } from '@connectrpc/connect';
import { expect, test } from 'vitest';
import { filesTarget, guestFiles } from '../../../test/support/guest-files.ts';
import { mountTmpfs } from '../../../test/support/tmpfs.ts';
import { FileType } from '../../rpc/gen/filesystem/filesystem_pb.js';
import { REASON_HEADER } from '../guest-error.ts';
import { listDirectory } from './list-directory.ts';

const AS_NOBODY = { headers: { authorization: `Basic ${Buffer.from('65534:').toString('base64')}` } };

async function failure(promise: Promise<unknown>): Promise<[code: Code, reason: string | null]> {
  const error = await promise.then(
    () => expect.fail('it succeeded'),
    (thrown: ConnectError) => thrown,
  );
  return [error.code, error.metadata.get(REASON_HEADER)];
}

test('stat tells what a file is, to whom it belongs and when it was changed', async () => {
  const { folder, rpc } = await guestFiles();
  const path = join(folder, 'a "name"\nwith ümlaut');
  writeFileSync(path, 'abc');
  chmodSync(path, 0o4750);
  utimesSync(path, 1, 1_700_000_000.5);
  const { entry } = await rpc.stat({ path });
  expect(entry).toMatchObject({
    name: 'a "name"\nwith ümlaut',
    type: FileType.FILE,
    path,
    size: 3n,
    mode: 0o4750,
    permissions: '-rwsr-x---',
    owner: 'root',
    group: 'root',
    modifiedTime: { seconds: 1_700_000_000n, nanos: 500_000_000 },
    metadata: {},
  });
  expect(entry?.symlinkTarget).toBeUndefined();
});

test('a symbolic link has the type of what it leads to, and its own when it leads nowhere', async () => {
  const { folder, rpc } = await guestFiles();
  mkdirSync(join(folder, 'directory'));
  symlinkSync('directory', join(folder, 'to-directory'));
  symlinkSync('/nowhere', join(folder, 'dangling'));
  symlinkSync('loop', join(folder, 'loop'));
  const { entries } = await rpc.listDir({ path: folder });
  expect(entries.map(({ name, type, symlinkTarget, permissions }) => [name, FileType[type], symlinkTarget, permissions])).toEqual([
    ['dangling', 'SYMLINK', '/nowhere', 'lrwxrwxrwx'],
    ['directory', 'DIRECTORY', undefined, 'drwxr-xr-x'],
    ['loop', 'SYMLINK', 'loop', 'lrwxrwxrwx'],
    ['to-directory', 'DIRECTORY', 'directory', 'lrwxrwxrwx'],
  ]);
});

test('paths may be absolute, below the working directory, or below the home directory', async () => {
  const { folder, rpc } = await guestFiles();
  writeFileSync(join(folder, 'file'), '');
  const pathOf = async (path: string) => (await rpc.stat({ path })).entry?.path;
  expect(await pathOf('file')).toBe(join(folder, 'file'));
  expect(await pathOf('./x/../file')).toBe(join(folder, 'file'));
  expect(await pathOf('')).toBe(folder);
  expect(await pathOf(`${folder}/`)).toBe(folder);
  expect(await pathOf('~')).toBe('/root');
  expect(await pathOf('/')).toBe('/');
  expect(await failure(rpc.stat({ path: 'a\0b' }))).toEqual([Code.InvalidArgument, 'invalid_path']);
});

test('errors say in code and reason what is wrong', async () => {
  const { folder, rpc } = await guestFiles();
  writeFileSync(join(folder, 'file'), '');
  const unknown = { headers: { authorization: `Basic ${Buffer.from('no-such-user:').toString('base64')}` } };
  expect(await failure(rpc.stat({ path: 'missing' }))).toEqual([Code.NotFound, 'file_not_found']);
  expect(await failure(rpc.stat({ path: 'file/below' }))).toEqual([Code.InvalidArgument, 'not_a_directory']);
  expect(await failure(rpc.stat({ path: 'x'.repeat(300) }))).toEqual([Code.InvalidArgument, 'invalid_path']);
  expect(await failure(rpc.stat({ path: 'file' }, unknown))).toEqual([Code.Unauthenticated, 'invalid_user']);
  expect(await failure(rpc.listDir({ path: 'file' }))).toEqual([Code.InvalidArgument, 'not_a_directory']);
  expect(await failure(rpc.listDir({ path: 'missing' }))).toEqual([Code.NotFound, 'file_not_found']);
});

test('a listing goes as deep as asked for, sorted, directories before what is in them, through no links', async () => {
  const { folder, rpc } = await guestFiles();
  mkdirSync(join(folder, 'b/c/d'), { recursive: true });
  for (const name of ['z', 'a', 'b/y', 'b/c/d/deep']) writeFileSync(join(folder, name), '');
  symlinkSync('b', join(folder, 'link'));
  const list = async (path: string, depth?: number) =>
    (await rpc.listDir({ path, ...(depth !== undefined && { depth }) })).entries.map((entry) => entry.path.slice(folder.length + 1));
  expect(await list(folder)).toEqual(['a', 'b', 'link', 'z']);
  expect(await list(folder, 2)).toEqual(['a', 'b', 'b/c', 'b/y', 'link', 'z']);
  expect(await list(folder, 9)).toEqual(['a', 'b', 'b/c', 'b/c/d', 'b/c/d/deep', 'b/y', 'link', 'z']);
  expect(await list(join(folder, 'link'))).toEqual(['link/c', 'link/y']);
});

test('a listing that is too long is refused with what to do instead', async () => {
  const { folder } = await guestFiles();
  for (const name of ['a', 'b', 'c']) writeFileSync(join(folder, name), '');
  await expect(listDirectory(folder, 1, 3)).resolves.toHaveLength(3);
  await expect(listDirectory(folder, 1, 2)).rejects.toMatchObject({
    reason: 'request_too_large',
    message: expect.stringContaining('list fewer levels'),
  });
});

test('names that are not UTF-8 are listed, moved and removed all the same', async () => {
  const { folder, rpc } = await guestFiles();
  execFileSync('sh', ['-c', "mkdir -p tree/$(printf 'd\\377') && touch tree/$(printf 'd\\377/f\\376')"], { cwd: folder });
  const { entries } = await rpc.listDir({ path: 'tree', depth: 3 });
  expect(entries.map(({ name, type }) => [name, FileType[type]])).toEqual([
    ['d\ufffd', 'DIRECTORY'],
    ['f\ufffd', 'FILE'],
  ]);
  await rpc.remove({ path: 'tree' });
  expect(readdirSync(folder)).toEqual([]);
});

test('directories are made with their parents, for the user', async () => {
  const { folder, rpc } = await guestFiles();
  const { entry } = await rpc.makeDir({ path: 'a/b/c' }, AS_NOBODY);
  expect(entry).toMatchObject({ path: join(folder, 'a/b/c'), type: FileType.DIRECTORY, permissions: 'drwxr-xr-x' });
  for (const path of ['a', 'a/b', 'a/b/c']) expect(statSync(join(folder, path))).toMatchObject({ uid: 65534, mode: 0o40755 });
  expect(await failure(rpc.makeDir({ path: 'a/b' }))).toEqual([Code.AlreadyExists, 'file_exists']);
  writeFileSync(join(folder, 'file'), '');
  expect(await failure(rpc.makeDir({ path: 'file' }))).toEqual([Code.InvalidArgument, 'not_a_directory']);
  expect(await failure(rpc.makeDir({ path: 'file/below' }))).toEqual([Code.InvalidArgument, 'not_a_directory']);
});

test('a directory that many make at once is made, and each of its parents once', async () => {
  const { folder, rpc } = await guestFiles();
  const results = await Promise.allSettled(Array.from({ length: 16 }, () => rpc.makeDir({ path: 'x/y/z' })));
  expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  expect(existsSync(join(folder, 'x/y/z'))).toBe(true);
});

test('a move replaces a file, makes the parents of its destination, and takes links as they are', async () => {
  const { folder, rpc } = await guestFiles();
  writeFileSync(join(folder, 'one'), '1');
  writeFileSync(join(folder, 'two'), '2');
  symlinkSync('/nowhere', join(folder, 'link'));
  expect((await rpc.move({ source: 'one', destination: 'two' })).entry).toMatchObject({ name: 'two', size: 1n });
  expect(readFileSync(join(folder, 'two'), 'utf8')).toBe('1');
  await rpc.move({ source: 'two', destination: 'new/parent/two' });
  await rpc.move({ source: 'link', destination: 'new/link' });
  expect(readlinkSync(join(folder, 'new/link'))).toBe('/nowhere');
  expect(readdirSync(folder)).toEqual(['new']);
});

test('a move that makes no sense changes nothing', async () => {
  const { folder, rpc } = await guestFiles();
  mkdirSync(join(folder, 'full/sub'), { recursive: true });
  mkdirSync(join(folder, 'other/sub'), { recursive: true });
  writeFileSync(join(folder, 'file'), '');
  expect(await failure(rpc.move({ source: 'missing', destination: 'a/b' }))).toEqual([Code.NotFound, 'file_not_found']);
  expect(await failure(rpc.move({ source: 'full', destination: 'full/sub/x' }))).toEqual([Code.InvalidArgument, 'invalid_path']);
  expect(await failure(rpc.move({ source: 'full', destination: 'other' }))).toEqual([Code.FailedPrecondition, 'directory_not_empty']);
  expect(await failure(rpc.move({ source: 'file', destination: 'full' }))).toEqual([Code.InvalidArgument, 'is_a_directory']);
  expect(await failure(rpc.move({ source: 'full', destination: 'file' }))).toEqual([Code.InvalidArgument, 'not_a_directory']);
  expect(await failure(rpc.move({ source: '', destination: 'x' }))).toEqual([Code.InvalidArgument, 'invalid_path']);
  expect(readdirSync(folder)).toEqual(['file', 'full', 'other']);
});

test('a move to another file system copies everything, and leaves nothing behind', async () => {
  const { folder, rpc } = await guestFiles();
  const elsewhere = mountTmpfs();
  mkdirSync(join(folder, 'tree/sub'), { recursive: true });
  writeFileSync(join(folder, 'tree/sub/file'), 'bytes', { mode: 0o640 });
  execFileSync('chown', ['1234:5678', join(folder, 'tree/sub/file')]);
  utimesSync(join(folder, 'tree/sub/file'), 1, 1_700_000_000);
  symlinkSync('sub/file', join(folder, 'tree/link'));
  await rpc.move({ source: 'tree', destination: join(elsewhere, 'moved') });
  expect(readFileSync(join(elsewhere, 'moved/link'), 'utf8')).toBe('bytes');
  expect(statSync(join(elsewhere, 'moved/sub/file'))).toMatchObject({ uid: 1234, gid: 5678, mode: 0o100640, mtimeMs: 1_700_000_000_000 });
  expect(readdirSync(elsewhere)).toEqual(['moved']);
  expect(readdirSync(folder)).toEqual([]);
});

test('a move to another file system that fails leaves the source, and no part of the copy', async () => {
  const { folder, rpc } = await guestFiles();
  const elsewhere = mountTmpfs('1m');
  mkdirSync(join(folder, 'tree'));
  writeFileSync(join(folder, 'tree/large'), Buffer.alloc(4 << 20));
  expect(await failure(rpc.move({ source: 'tree', destination: join(elsewhere, 'moved') }))).toEqual([Code.ResourceExhausted, 'disk_full']);
  expect(readdirSync(elsewhere)).toEqual([]);
  expect(statSync(join(folder, 'tree/large')).size).toBe(4 << 20);
});

test('removing takes a directory with all in it, a link without what it leads to, and nothing with success', async () => {
  const { folder, rpc } = await guestFiles();
  mkdirSync(join(folder, 'tree/sub'), { recursive: true });
  writeFileSync(join(folder, 'kept'), '');
  symlinkSync('../../kept', join(folder, 'tree/sub/link'));
  symlinkSync('tree', join(folder, 'link'));
  await rpc.remove({ path: 'link' });
  expect(existsSync(join(folder, 'tree/sub'))).toBe(true);
  await rpc.remove({ path: 'tree' });
  await rpc.remove({ path: 'tree' });
  expect(readdirSync(folder)).toEqual(['kept']);
  expect(await failure(rpc.remove({ path: '' }))).toEqual([Code.InvalidArgument, 'invalid_path']);
  expect(await failure(rpc.remove({ path: '/' }))).toEqual([Code.InvalidArgument, 'invalid_path']);
});

test('a tree that is deeper than a path may be long is removed', async () => {
  const { folder, rpc } = await guestFiles();
  const name = 'x'.repeat(200);
  execFileSync('sh', ['-c', `i=0; while [ $i -lt 40 ]; do mkdir ${name} && cd -P ./${name} || exit 1; i=$((i+1)); done`], { cwd: folder });
  await rpc.remove({ path: name });
  expect(readdirSync(folder)).toEqual([]);
});

test('metadata that came with an upload is told with the entry', async () => {
  const { rpc, http } = await guestFiles();
  await http('POST', filesTarget('file'), { body: 'x', headers: { 'X-Metadata-Author': 'somebody', 'x-metadata-purpose': 'test' } });
  expect((await rpc.stat({ path: 'file' })).entry?.metadata).toEqual({ author: 'somebody', purpose: 'test' });
});

test('sockets and pipes are listed without a type', async () => {
  const { folder, rpc } = await guestFiles();
  execFileSync('mkfifo', [join(folder, 'pipe')]);
  const { entries } = await rpc.listDir({ path: folder });
  expect(entries.map(({ type, permissions }) => [FileType[type], permissions[0]])).toEqual([['UNSPECIFIED', 'p']]);
});
