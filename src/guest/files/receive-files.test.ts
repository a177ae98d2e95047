import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { linkSync, mkdirSync, readdirSync, readFileSync, readlinkSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { Agent, type RequestOptions, request } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { type ErrorBody, filesTarget, guestFiles } from '../../../test/support/guest-files.ts';
import { mountRamfs, mountTmpfs } from '../../../test/support/tmpfs.ts';

const STRANGE_NAMES = ['with space', 'line\nbreak', 'ümlaut 日本', 'quo"te\'s', 'per%cent%22', 'plus+and&amp', '#?;=', '-dash', '.hidden'];

test.each(STRANGE_NAMES)('a file named %j is written and read', async (name) => {
  const { folder, http } = await guestFiles();
  const bytes = randomBytes(100_000);
  const written = await http('POST', filesTarget(join(folder, 'sub', name)), { body: bytes });
  expect(written.status).toBe(200);
  expect(written.json()).toEqual([{ name, type: 'file', path: join(folder, 'sub', name) }]);
  expect(readFileSync(join(folder, 'sub', name)).equals(bytes)).toBe(true);
  const read = await http('GET', filesTarget(join('sub', name)));
  expect(read.status).toBe(200);
  expect(read.body.equals(bytes)).toBe(true);
  expect(read.headers['content-length']).toBe('100000');
  expect(read.headers['content-disposition']).toContain(`filename*=UTF-8''`);
});

test('an empty file is sent and written', async () => {
  const { folder, http } = await guestFiles();
  expect((await http('POST', filesTarget('empty'))).status).toBe(200);
  expect(statSync(join(folder, 'empty')).size).toBe(0);
  const answer = await http('GET', filesTarget('empty'));
  expect([answer.status, answer.headers['content-length'], answer.body.length]).toEqual([200, '0', 0]);
});

test('a new file is the user’s with mode 0644, and so are the directories that it needed', async () => {
  const { folder, http } = await guestFiles();
  await http('POST', filesTarget('a/b/file', { username: '65534' }), { body: 'x' });
  expect(statSync(join(folder, 'a/b/file'))).toMatchObject({ uid: 65534, mode: 0o100644 });
  expect(statSync(join(folder, 'a'))).toMatchObject({ uid: 65534, mode: 0o40755 });
  await http('POST', filesTarget('script', { mode: '0750' }), { body: 'x' });
  expect(statSync(join(folder, 'script')).mode).toBe(0o100750);
  for (const mode of ['9', 'rwx', '077777', '']) {
    const answer = await http('POST', filesTarget('other', { mode }), { body: 'x' });
    expect([answer.status, answer.json<ErrorBody>().reason]).toEqual([400, 'invalid_request']);
  }
});

test('a file that is replaced keeps its owner, mode and metadata, and whoever reads it sees the old one to its end', async () => {
  const { folder, http, rpc } = await guestFiles();
  const path = join(folder, 'file');
  await http('POST', filesTarget('file', { mode: '0640', username: '65534' }), { body: 'old', headers: { 'x-metadata-kept': 'yes' } });
  linkSync(path, join(folder, 'reader'));
  await http('POST', filesTarget('file'), { body: 'new', headers: { 'x-metadata-added': 'too' } });
  expect(statSync(path)).toMatchObject({ uid: 65534, mode: 0o100640 });
  expect((await rpc.stat({ path })).entry?.metadata).toEqual({ kept: 'yes', added: 'too' });
  expect([readFileSync(path, 'utf8'), readFileSync(join(folder, 'reader'), 'utf8')]).toEqual(['new', 'old']);
});

test('a write goes through symbolic links, to what they lead to or would lead to', async () => {
  const { folder, http } = await guestFiles();
  mkdirSync(join(folder, 'real'));
  writeFileSync(join(folder, 'real/file'), 'old');
  symlinkSync('real/file', join(folder, 'link'));
  symlinkSync('link', join(folder, 'link-to-link'));
  symlinkSync('real/new', join(folder, 'dangling'));
  symlinkSync('loop', join(folder, 'loop'));
  await http('POST', filesTarget('link-to-link'), { body: 'through' });
  await http('POST', filesTarget('dangling'), { body: 'made' });
  expect(readFileSync(join(folder, 'real/file'), 'utf8')).toBe('through');
  expect(readFileSync(join(folder, 'real/new'), 'utf8')).toBe('made');
  expect(readlinkSync(join(folder, 'link'))).toBe('real/file');
  expect((await http('POST', filesTarget('loop'), { body: 'x' })).status).toBe(400);
});

test('a file that is a mount of its own is written in place', async () => {
  const { folder, http } = await guestFiles();
  const mounted = join(mountTmpfs(), 'hosts');
  writeFileSync(mounted, 'a longer text than the new one');
  writeFileSync(join(folder, 'hosts'), '');
  execFileSync('mount', ['--bind', mounted, join(folder, 'hosts')]);
  try {
    expect((await http('POST', filesTarget('hosts'), { body: 'new' })).status).toBe(200);
    expect(readFileSync(mounted, 'utf8')).toBe('new');
    expect(readdirSync(folder)).toEqual(['hosts']);
  } finally {
    execFileSync('umount', [join(folder, 'hosts')]);
  }
});

test('what cannot be written is answered with a reason, and leaves nothing', async () => {
  const { folder, http } = await guestFiles();
  writeFileSync(join(folder, 'file'), '');
  execFileSync('mkfifo', [join(folder, 'pipe')]);
  const reasonOf = async (target: string, options = {}) => {
    const answer = await http('POST', target, { body: Buffer.alloc(200_000), ...options });
    return [answer.status, answer.json<ErrorBody>().reason];
  };
  expect(await reasonOf(filesTarget('.'))).toEqual([400, 'is_a_directory']);
  expect(await reasonOf(filesTarget('file/below'))).toEqual([400, 'not_a_directory']);
  expect(await reasonOf(filesTarget('pipe'))).toEqual([400, 'invalid_path']);
  expect(await reasonOf('/files')).toEqual([400, 'invalid_request']);
  expect(await reasonOf(filesTarget('x'.repeat(256)))).toEqual([400, 'invalid_path']);
  expect(await reasonOf(filesTarget('x'), { headers: { 'content-encoding': 'br' } })).toEqual([400, 'invalid_request']);
  expect(await reasonOf(filesTarget('x'), { headers: { 'content-encoding': 'gzip' } })).toEqual([400, 'invalid_request']);
  expect(readdirSync(folder)).toEqual(['file', 'pipe']);
});

test('metadata that cannot be kept is refused, and nothing is written', async () => {
  const { folder, http } = await guestFiles();
  const without = mountRamfs();
  const reasonOf = async (path: string, header: string) => {
    const answer = await http('POST', filesTarget(path), { body: 'x', headers: { [header]: 'value' } });
    return [answer.status, answer.json<ErrorBody>().reason];
  };
  expect(await reasonOf(join(without, 'file'), 'x-metadata-key')).toEqual([400, 'invalid_request']);
  expect(await reasonOf('file', `x-metadata-${'k'.repeat(250)}`)).toEqual([400, 'invalid_request']);
  expect([...readdirSync(without), ...readdirSync(folder)]).toEqual([]);
});

test('a compressed upload is decompressed; one that is cut off leaves nothing', async () => {
  const { folder, http } = await guestFiles();
  const bytes = Buffer.concat([Buffer.alloc(500_000, 'again '), randomBytes(100_000)]);
  const headers = { 'content-encoding': 'gzip' };
  await http('POST', filesTarget('file'), { body: gzipSync(bytes), headers });
  expect(readFileSync(join(folder, 'file')).equals(bytes)).toBe(true);
  const cut = await http('POST', filesTarget('cut'), { body: gzipSync(bytes).subarray(0, 50_000), headers });
  expect([cut.status, cut.json<ErrorBody>().reason]).toEqual([400, 'invalid_request']);
  expect(readdirSync(folder)).toEqual(['file']);
});

test.each([
  ['with its length', 'Content-Length: 1000000\r\n\r\nonly this'],
  ['in chunks', 'Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n'],
])('an upload %s that breaks off leaves the old file, and nothing else', async (_, rest) => {
  const { folder, socket, http } = await guestFiles();
  await http('POST', filesTarget('file'), { body: 'old' });
  const client = connect(socket);
  client.write(`POST ${filesTarget('file')} HTTP/1.1\r\nHost: guest\r\n${rest}`);
  await expect.poll(() => readdirSync(folder)).toHaveLength(2);
  client.destroy();
  await expect.poll(() => readdirSync(folder)).toEqual(['file']);
  expect(readFileSync(join(folder, 'file'), 'utf8')).toBe('old');
});

test('an upload that does not fit is answered with 507, and leaves the disk as it was', async () => {
  const { http } = await guestFiles();
  const disk = mountTmpfs('2m');
  writeFileSync(join(disk, 'file'), 'old');
  const answer = await http('POST', filesTarget(join(disk, 'file')), { body: Buffer.alloc(8 << 20) });
  expect([answer.status, answer.json<ErrorBody>()]).toEqual([
    507,
    { code: 507, reason: 'disk_full', message: expect.stringContaining('does not fit on the disk') },
  ]);
  expect(readdirSync(disk)).toEqual(['file']);
  expect(readFileSync(join(disk, 'file'), 'utf8')).toBe('old');
});

test('an error is answered although the body is still coming, and the next request comes on the same connection', async () => {
  const { socket } = await guestFiles();
  const disk = mountTmpfs('1m');
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const sent = { method: 'POST', socketPath: socket, agent, headers: { 'content-type': 'multipart/form-data; boundary=x' } };
  const large = Buffer.alloc(16 << 20);
  expect(await statusOf({ ...sent, path: filesTarget('/proc/nothing/here'), headers: {} }, large)).toBe(404);
  expect(await statusOf({ ...sent, path: filesTarget(join(disk, 'file')), headers: {} }, large)).toBe(507);
  expect(
    await statusOf({ ...sent, path: filesTarget(join(disk, 'file')) }, Buffer.concat([Buffer.from('--x\r\nbad\r\n\r\n'), large])),
  ).toBe(400);
  expect(await statusOf({ ...sent, path: `/files/archive?path=${disk}`, headers: {} }, Buffer.alloc(16 << 20, 'no archive'))).toBe(400);
  expect(await statusOf({ ...sent, path: filesTarget(join(disk, 'file')), headers: { 'content-encoding': 'gzip' } }, large)).toBe(400);
  expect(await statusOf({ socketPath: socket, agent, path: filesTarget('/proc/version') })).toBe(200);
  agent.destroy();
});

function statusOf(options: RequestOptions, body?: Buffer): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const sending = request(options, (response) => {
      response.resume().on('end', () => resolve(response.statusCode));
    });
    sending.on('error', reject).end(body);
  });
}

test('an error in an archive is answered although the client waits with the rest of it', async () => {
  const { socket, folder } = await guestFiles();
  const answer = await new Promise<string>((resolve) => {
    const client = connect(socket, () =>
      client.write(`POST /files/archive?path=${folder} HTTP/1.1\r\nHost: guest\r\nContent-Length: 99999\r\n\r\n`),
    );
    client.write(Buffer.alloc(1024, 'no archive'));
    client.once('data', (chunk) => {
      resolve(chunk.toString());
      client.destroy();
    });
  });
  expect(answer).toMatch(/^HTTP\/1.1 400 /);
});

const BOUNDARY = 'xxBOUNDARYxx';

function form(...parts: readonly (readonly [disposition: string, bytes: Buffer | string])[]): {
  headers: Record<string, string>;
  body: Buffer;
} {
  const chunks = parts.flatMap(([disposition, bytes]) => [
    Buffer.from(`--${BOUNDARY}\r\nContent-Disposition: form-data; ${disposition}\r\nContent-Type: application/octet-stream\r\n\r\n`),
    Buffer.from(bytes),
    Buffer.from('\r\n'),
  ]);
  return {
    headers: { 'content-type': `multipart/form-data; boundary=${BOUNDARY}` },
    body: Buffer.concat([...chunks, Buffer.from(`--${BOUNDARY}--\r\n`)]),
  };
}

test('each file of a form goes to the path that is its name', async () => {
  const { folder, http } = await guestFiles();
  const bytes = randomBytes(300_000);
  const answer = await http(
    'POST',
    '/files',
    form(['name="file"; filename="a/one"', bytes], ['name="note"', 'not a file'], [`name="file"; filename="${folder}/two ü"`, 'two']),
  );
  expect(answer.json()).toEqual([
    { name: 'one', type: 'file', path: join(folder, 'a/one') },
    { name: 'two ü', type: 'file', path: join(folder, 'two ü') },
  ]);
  expect(readFileSync(join(folder, 'a/one')).equals(bytes)).toBe(true);
  expect(readFileSync(join(folder, 'two ü'), 'utf8')).toBe('two');
});

test('a file of a form goes to the path of the query, or into it when that is a directory', async () => {
  const { folder, http } = await guestFiles();
  mkdirSync(join(folder, 'directory'));
  await http('POST', filesTarget('exact'), form(['name="file"; filename="ignored"', 'one']));
  await http('POST', filesTarget('directory'), form(['name="file"; filename="some/where"', 'two']));
  expect(readFileSync(join(folder, 'exact'), 'utf8')).toBe('one');
  expect(readFileSync(join(folder, 'directory/where'), 'utf8')).toBe('two');
});

test('of a form with a fault nothing is written', async () => {
  const { folder, http } = await guestFiles();
  const twice = await http('POST', '/files', form(['name="file"; filename="a"', 'x'], ['name="file"; filename="./a"', 'y']));
  expect([twice.status, twice.json<ErrorBody>().reason]).toEqual([400, 'invalid_request']);
  const { headers, body } = form(['name="file"; filename="a"', 'x'], ['name="file"; filename="b"', 'y']);
  const cut = await http('POST', '/files', { headers, body: body.subarray(0, -10) });
  expect([cut.status, cut.json<ErrorBody>().reason]).toEqual([400, 'invalid_request']);
  expect((await http('POST', '/files', form(['name="file"', 'x']))).status).toBe(400);
  expect(readdirSync(folder)).toEqual([]);
});
