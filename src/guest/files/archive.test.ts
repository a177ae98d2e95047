import { execFileSync, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import { type Header, pack } from 'tar-stream';
import { expect, test } from 'vitest';
import { guestFiles } from '../../../test/support/guest-files.ts';
import { tempFolder } from '../../../test/support/temp-folder.ts';
import { mountTmpfs } from '../../../test/support/tmpfs.ts';

type Entry = Partial<Header> & { readonly name: string; readonly text?: string };

/** An archive of any entries, also such as no decent program makes. */
async function archive(...entries: readonly Entry[]): Promise<Buffer> {
  const tar = pack();
  for (const { text = '', ...header } of entries) tar.entry(header, text);
  tar.finalize();
  return buffer(tar as AsyncIterable<Buffer>);
}

function target(path: string, more = {}): string {
  return `/files/archive?${new URLSearchParams({ path, ...more })}`;
}

function untar(bytes: Buffer): string {
  const folder = tempFolder();
  const { status, stderr } = spawnSync('tar', ['-xpf', '-', '--warning=no-timestamp', '-C', folder], { input: bytes });
  expect([status, stderr.toString()]).toEqual([0, '']);
  return folder;
}

function linkTarget(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return ''; // closed meanwhile
  }
}

test('a directory is sent under its own name, with modes, owners, times and links', async () => {
  const { folder, http } = await guestFiles();
  const long = `${'x'.repeat(120)} ü\n`;
  const bytes = randomBytes(1_000_000);
  mkdirSync(join(folder, 'tree/sub'), { recursive: true });
  mkdirSync(join(folder, 'tree/empty'), { mode: 0o700 });
  writeFileSync(join(folder, 'tree/sub', long), bytes, { mode: 0o640 });
  execFileSync('chown', ['1234:3000000', join(folder, 'tree/sub', long)]);
  utimesSync(join(folder, 'tree/sub', long), 1, 1_700_000_000);
  symlinkSync(`sub/${long}`, join(folder, 'tree/link'));
  symlinkSync('/nowhere', join(folder, 'tree/dangling'));
  execFileSync('mkfifo', [join(folder, 'tree/pipe')]);
  const { status, headers, body } = await http('GET', target('tree'));
  expect([status, headers['content-type']]).toEqual([200, 'application/x-tar']);
  const copy = untar(body);
  expect(readdirSync(copy)).toEqual(['tree']);
  expect(readdirSync(join(copy, 'tree'))).toEqual(['dangling', 'empty', 'link', 'sub']);
  expect(readFileSync(join(copy, 'tree/link')).equals(bytes)).toBe(true);
  expect(readlinkSync(join(copy, 'tree/dangling'))).toBe('/nowhere');
  expect(statSync(join(copy, 'tree/empty')).mode).toBe(0o40700);
  expect(statSync(join(copy, 'tree/sub', long))).toMatchObject({ uid: 1234, gid: 3_000_000, mode: 0o100640, mtimeMs: 1_700_000_000_000 });
});

test('a single file is sent as an archive of one entry', async () => {
  const { folder, http } = await guestFiles();
  writeFileSync(join(folder, 'file'), 'text');
  symlinkSync('file', join(folder, 'link'));
  expect(readFileSync(join(untar((await http('GET', target('link'))).body), 'link'), 'utf8')).toBe('text');
});

test('times that a plain header cannot hold are kept', async () => {
  const { folder, http } = await guestFiles();
  for (const [name, secs] of [
    ['early', -1_000_000],
    ['late', 5_000_000_000],
  ] as const) {
    writeFileSync(join(folder, name), '');
    execFileSync('touch', ['-d', `@${secs}`, join(folder, name)]);
  }
  const copy = untar((await http('GET', target('.'))).body);
  const [name = ''] = readdirSync(copy);
  expect(['early', 'late'].map((file) => statSync(join(copy, name, file)).mtimeMs)).toEqual([-1_000_000_000, 5_000_000_000_000]);
});

test('of what the kernel makes up nothing is sent', async () => {
  const { http } = await guestFiles();
  expect(readdirSync(join(untar((await http('GET', target('/proc'))).body), 'proc'))).toEqual([]);
});

test('what is not there is said before an archive begins', async () => {
  const { http } = await guestFiles();
  const answer = await http('GET', target('missing'));
  expect([answer.status, answer.json<{ reason: string }>().reason]).toEqual([404, 'file_not_found']);
});

test('an archive breaks off when a file in it is truncated, rather than be wrong', async () => {
  const { folder, socket } = await guestFiles();
  writeFileSync(join(folder, 'large'), Buffer.alloc(64 << 20));
  const received = await new Promise<Buffer>((resolve, reject) => {
    const chunks: Buffer[] = [];
    const client = connect(socket, () => client.write(`GET ${target(join(folder, 'large'))} HTTP/1.1\r\nHost: guest\r\n\r\n`));
    client.once('data', () => truncateSync(join(folder, 'large'), 1 << 20));
    client.on('data', (chunk) => chunks.push(chunk));
    client.on('close', () => resolve(Buffer.concat(chunks)));
    client.on('error', reject);
  });
  expect(received.length).toBeLessThan(64 << 20);
  expect(received.subarray(-5).toString()).not.toBe('0\r\n\r\n');
});

test('a client that leaves in the middle leaves nothing open', async () => {
  const { folder, socket } = await guestFiles();
  writeFileSync(join(folder, 'large'), Buffer.alloc(64 << 20));
  const openFiles = () => readdirSync('/proc/self/fd').filter((fd) => linkTarget(`/proc/self/fd/${fd}`).startsWith(folder));
  for (const path of [target(folder), target(join(folder, 'large')), `/files?path=${folder}/large`]) {
    const client = connect(socket, () => client.write(`GET ${path} HTTP/1.1\r\nHost: guest\r\n\r\n`));
    await new Promise((resolve) => client.once('data', resolve));
    expect(openFiles()).not.toEqual([]);
    client.destroy();
    await expect.poll(openFiles).toEqual([]);
  }
});

test('an archive of tar is extracted for the user, with modes, times and links', async () => {
  const { folder, http } = await guestFiles();
  const source = tempFolder();
  mkdirSync(join(source, 'a/b'), { recursive: true });
  const bytes = randomBytes(700_000);
  const long = 'ü'.repeat(100);
  writeFileSync(join(source, 'a/b', long), bytes, { mode: 0o750 });
  utimesSync(join(source, 'a/b', long), 1, 1_700_000_000);
  utimesSync(join(source, 'a/b'), 1, 1_600_000_000);
  execFileSync('ln', [join(source, 'a/b', long), join(source, 'a/hard')]);
  symlinkSync(`b/${long}`, join(source, 'a/soft'));
  const tar = execFileSync('tar', ['-cf', '-', '-C', source, '.'], { maxBuffer: 1 << 24 });
  expect((await http('POST', target('into/here', { username: '65534' }), { body: tar })).status).toBe(204);
  const file = join(folder, 'into/here/a/b', long);
  expect(readFileSync(file).equals(bytes)).toBe(true);
  expect(statSync(file)).toMatchObject({ uid: 65534, mode: 0o100750, mtimeMs: 1_700_000_000_000, nlink: 2 });
  expect(statSync(dirname(file))).toMatchObject({ uid: 65534, mtimeMs: 1_600_000_000_000 });
  expect(statSync(join(folder, 'into/here/a/hard')).ino).toBe(statSync(file).ino);
  expect(readlinkSync(join(folder, 'into/here/a/soft'))).toBe(`b/${long}`);
  expect(lstatSync(join(folder, 'into/here/a/soft')).uid).toBe(65534);
});

test('what was sent as an archive is extracted as it was', async () => {
  const { folder, http } = await guestFiles();
  mkdirSync(join(folder, 'tree/sub'), { recursive: true });
  writeFileSync(join(folder, 'tree/sub/file'), 'text');
  const { body } = await http('GET', target('tree'));
  await http('POST', target('copy'), { body: gzipSync(body), headers: { 'content-encoding': 'gzip' } });
  expect(execFileSync('diff', ['-r', join(folder, 'tree'), join(folder, 'copy/tree')]).toString()).toBe('');
});

test('files and links are replaced, directories stay as they are', async () => {
  const { folder, http } = await guestFiles();
  mkdirSync(join(folder, 'directory'), { mode: 0o700 });
  writeFileSync(join(folder, 'file'), 'old');
  writeFileSync(join(folder, 'outside'), 'old');
  symlinkSync('outside', join(folder, 'link'));
  const body = await archive(
    { name: 'directory/', type: 'directory', mode: 0o777 },
    { name: 'file', text: 'new' },
    { name: 'file', type: 'link', linkname: 'file' },
    { name: 'link', text: 'new' },
    { name: 'setuid', mode: 0o6755, text: '' },
  );
  expect((await http('POST', target('.'), { body })).status).toBe(204);
  expect(statSync(join(folder, 'directory')).mode).toBe(0o40700);
  expect(['file', 'link', 'outside'].map((name) => readFileSync(join(folder, name), 'utf8'))).toEqual(['new', 'new', 'old']);
  expect(lstatSync(join(folder, 'link')).isFile()).toBe(true);
  expect(statSync(join(folder, 'setuid')).mode).toBe(0o100755);
  expect(readdirSync(folder)).toEqual(['directory', 'file', 'link', 'outside', 'setuid']);
});

test('an absolute name is below the directory all the same', async () => {
  const { folder, http } = await guestFiles();
  const name = `/sandglass-test-${randomBytes(8).toString('hex')}`;
  expect(
    (await http('POST', target('.'), { body: await archive({ name, text: 'x' }, { name: '///./a//b/', type: 'directory' }) })).status,
  ).toBe(204);
  expect(existsSync(name)).toBe(false);
  expect(existsSync(join(folder, name))).toBe(true);
  expect(existsSync(join(folder, 'a/b'))).toBe(true);
});

const OUTSIDE: readonly (readonly [what: string, entries: readonly Entry[]])[] = [
  ['a name with ..', [{ name: '../evil', text: 'x' }]],
  ['a name with .. in it', [{ name: 'a/../../evil', text: 'x' }]],
  [
    'a symbolic link of its own',
    [
      { name: 'a', type: 'symlink', linkname: '..' },
      { name: 'a/evil', text: 'x' },
    ],
  ],
  [
    'a directory through a link',
    [
      { name: 'a', type: 'symlink', linkname: '..' },
      { name: 'a/evil/', type: 'directory' },
    ],
  ],
  [
    'a link to the root',
    [
      { name: 'a/b', type: 'symlink', linkname: '/' },
      { name: 'a/b/tmp/evil', text: 'x' },
    ],
  ],
  ['a symbolic link that was there', [{ name: 'there/evil', text: 'x' }]],
  ['a hard link to outside', [{ name: 'evil', type: 'link', linkname: '../secret' }]],
  [
    'a hard link through a link',
    [
      { name: 'a', type: 'symlink', linkname: '..' },
      { name: 'evil', type: 'link', linkname: 'a/secret' },
    ],
  ],
  [
    'a hard link to a link',
    [
      { name: 'a', type: 'symlink', linkname: '../secret' },
      { name: 'evil', type: 'link', linkname: 'a' },
    ],
  ],
];

test.each(OUTSIDE)('by %s nothing is written outside of the directory', async (_, entries) => {
  const { folder, http } = await guestFiles();
  mkdirSync(join(folder, 'into'));
  symlinkSync('..', join(folder, 'into/there'));
  writeFileSync(join(folder, 'secret'), 'kept');
  const answer = await http('POST', target('into'), { body: await archive(...entries) });
  expect([answer.status, answer.headers['sandglass-reason']]).toEqual([400, expect.stringMatching(/^(invalid_request|not_a_directory)$/)]);
  expect(readdirSync(folder)).toEqual(['into', 'secret']);
  expect(existsSync(join(folder, 'into/evil'))).toBe(false);
});

test('a file that a link to it would overwrite is replaced, not written through', async () => {
  const { folder, http } = await guestFiles();
  mkdirSync(join(folder, 'into'));
  writeFileSync(join(folder, 'secret'), 'kept');
  const body = await archive({ name: 'a', type: 'symlink', linkname: '../secret' }, { name: 'a', text: 'changed' });
  expect((await http('POST', target('into'), { body })).status).toBe(204);
  expect(readFileSync(join(folder, 'secret'), 'utf8')).toBe('kept');
});

test('what is no archive, or only a part of one, is said to be so', async () => {
  const { folder, http } = await guestFiles();
  const whole = await archive({ name: 'first', text: 'x' }, { name: 'second', text: 'x'.repeat(10_000) });
  const statusOf = async (body: Buffer) => {
    const answer = await http('POST', target('into'), { body });
    return [answer.status, answer.headers['sandglass-reason']];
  };
  expect(await statusOf(randomBytes(4096))).toEqual([400, 'invalid_request']);
  expect(await statusOf(whole.subarray(0, 5000))).toEqual([400, 'invalid_request']);
  expect(readdirSync(join(folder, 'into'))).toEqual(['first']);
  expect(await statusOf(await archive({ name: `a/${'x'.repeat(256)}`, text: 'x' }))).toEqual([400, 'invalid_request']);
  expect(await statusOf(await archive({ name: 'x/'.repeat(3000), type: 'directory' }))).toEqual([400, 'invalid_request']);
  expect(await statusOf(await archive({ name: 'sparse', text: 'x', pax: { 'GNU.sparse.major': '1' } }))).toEqual([400, 'invalid_request']);
  expect(await statusOf(await archive({ name: 'first/below', text: 'x' }))).toEqual([400, 'not_a_directory']);
  expect(await statusOf(await archive({ name: 'd/', type: 'directory' }, { name: 'd', text: 'x' }))).toEqual([400, 'is_a_directory']);
});

test('devices and pipes in an archive are left out', async () => {
  const { folder, http } = await guestFiles();
  const body = await archive(
    { name: 'null', type: 'character-device', devmajor: 1, devminor: 3 },
    { name: 'pipe', type: 'fifo' },
    { name: 'file', text: 'x' },
  );
  expect((await http('POST', target('.'), { body })).status).toBe(204);
  expect(readdirSync(folder)).toEqual(['file']);
});

test('an archive that does not fit on the disk is answered with 507, and the file that did not fit is gone', async () => {
  const { http } = await guestFiles();
  const disk = mountTmpfs('1m');
  const answer = await http('POST', target(disk), {
    body: await archive({ name: 'small', text: 'x' }, { name: 'large', text: 'x'.repeat(4 << 20) }),
  });
  expect([answer.status, answer.headers['sandglass-reason']]).toEqual([507, 'disk_full']);
  expect(readdirSync(disk)).toEqual(['small']);
});

test('an archive that breaks off leaves no part of a file', async () => {
  const { folder, socket } = await guestFiles();
  const whole = await archive({ name: 'file', text: 'x'.repeat(100_000) });
  const client = connect(socket);
  client.write(`POST ${target(folder)} HTTP/1.1\r\nHost: guest\r\nContent-Length: ${whole.length}\r\n\r\n`);
  client.write(whole.subarray(0, 50_000));
  await expect.poll(() => readdirSync(folder)).toHaveLength(1);
  client.destroy();
  await expect.poll(() => readdirSync(folder)).toEqual([]);
});
