import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync, statSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { type ErrorBody, filesTarget, guestFiles } from '../../../test/support/guest-files.ts';

test('a file is sent with when it was changed, and without a body to HEAD', async () => {
  const { folder, http } = await guestFiles();
  writeFileSync(join(folder, 'file'), 'abc');
  const { status, headers, body } = await http('HEAD', filesTarget('file'));
  expect([status, body.length]).toEqual([200, 0]);
  expect(headers).toMatchObject({
    'content-length': '3',
    'content-type': 'application/octet-stream',
    'accept-ranges': 'bytes',
    'last-modified': statSync(join(folder, 'file')).mtime.toUTCString(),
    'content-disposition': `inline; filename="file"; filename*=UTF-8''file`,
  });
});

test.each([
  ['bytes=0-3', 206, '0123', 'bytes 0-3/10'],
  ['bytes=4-', 206, '456789', 'bytes 4-9/10'],
  ['bytes=-3', 206, '789', 'bytes 7-9/10'],
  ['bytes=-99', 206, '0123456789', 'bytes 0-9/10'],
  ['bytes=9-9', 206, '9', 'bytes 9-9/10'],
  ['bytes=5-999', 206, '56789', 'bytes 5-9/10'],
  ['bytes=3-2', 200, '0123456789', undefined],
  ['bytes=0-1,4-5', 200, '0123456789', undefined],
  ['lines=0-1', 200, '0123456789', undefined],
  ['bytes=-', 200, '0123456789', undefined],
])('range %s answers %i %s', async (range, status, body, contentRange) => {
  const { folder, http } = await guestFiles();
  writeFileSync(join(folder, 'file'), '0123456789');
  const answer = await http('GET', filesTarget('file'), { headers: { range, 'accept-encoding': 'identity' } });
  expect([answer.status, answer.body.toString(), answer.headers['content-range']]).toEqual([status, body, contentRange]);
});

test.each([['bytes=10-'], ['bytes=99-100'], ['bytes=-0']])('range %s cannot be satisfied', async (range) => {
  const { folder, http } = await guestFiles();
  writeFileSync(join(folder, 'file'), '0123456789');
  const answer = await http('GET', filesTarget('file'), { headers: { range } });
  expect([answer.status, answer.headers['content-range'], answer.headers['sandglass-reason']]).toEqual([
    416,
    'bytes */10',
    'range_not_satisfiable',
  ]);
});

test('a range of a file that has changed since is answered with all of it', async () => {
  const { folder, http } = await guestFiles();
  writeFileSync(join(folder, 'file'), '0123456789');
  const { headers } = await http('HEAD', filesTarget('file'));
  const ranged = (ifRange: string) => http('GET', filesTarget('file'), { headers: { range: 'bytes=0-3', 'if-range': ifRange } });
  expect((await ranged(headers['last-modified'] ?? '')).status).toBe(206);
  expect((await ranged(new Date(0).toUTCString())).status).toBe(200);
});

test('a file is compressed for those who take gzip, unless they want a range', async () => {
  const { folder, http } = await guestFiles();
  const bytes = Buffer.concat([Buffer.alloc(300_000, 'compressible '), randomBytes(300_000)]);
  writeFileSync(join(folder, 'file'), bytes);
  const zipped = await http('GET', filesTarget('file'), { headers: { 'accept-encoding': 'br, gzip;q=0.8' } });
  expect(zipped.headers['content-encoding']).toBe('gzip');
  expect(zipped.headers['content-length']).toBeUndefined();
  expect(gunzipSync(zipped.body).equals(bytes)).toBe(true);
  const refused = await http('GET', filesTarget('file'), { headers: { 'accept-encoding': 'gzip;q=0, br' } });
  expect(refused.body.equals(bytes)).toBe(true);
  const range = await http('GET', filesTarget('file'), { headers: { 'accept-encoding': 'gzip', range: 'bytes=0-9' } });
  expect(range.body.equals(bytes.subarray(0, 10))).toBe(true);
});

test('what cannot be sent is answered with a reason, and at once', async () => {
  const { folder, http } = await guestFiles();
  execFileSync('mkfifo', [join(folder, 'pipe')]);
  symlinkSync('loop', join(folder, 'loop'));
  const reasonOf = async (path: string, more = {}) => {
    const answer = await http('GET', filesTarget(path, more));
    const body = answer.json<ErrorBody>();
    expect(body).toMatchObject({ code: answer.status, message: expect.stringMatching(/./) });
    expect(answer.headers['sandglass-reason']).toBe(body.reason);
    return [answer.status, body.reason];
  };
  expect(await reasonOf('missing')).toEqual([404, 'file_not_found']);
  expect(await reasonOf('.')).toEqual([400, 'is_a_directory']);
  expect(await reasonOf('pipe')).toEqual([400, 'invalid_path']);
  expect(await reasonOf('/dev/zero')).toEqual([400, 'invalid_path']);
  expect(await reasonOf('loop')).toEqual([400, 'invalid_path']);
  expect(await reasonOf('a\0b')).toEqual([400, 'invalid_path']);
  expect(await reasonOf('x', { username: 'no-such-user' })).toEqual([401, 'invalid_user']);
});

test('files of /proc, which say that they are empty, are sent whole', async () => {
  const { http } = await guestFiles();
  expect((await http('GET', filesTarget('/proc/version'))).body.toString()).toBe(readFileSync('/proc/version', 'utf8'));
});

test('a file that is truncated while it is sent breaks the connection', async () => {
  const { folder, socket } = await guestFiles();
  const path = join(folder, 'large');
  writeFileSync(path, Buffer.alloc(64 << 20));
  const received = await new Promise<number>((resolve, reject) => {
    let length = 0;
    const client = connect(socket, () => client.write(`GET ${filesTarget(path)} HTTP/1.1\r\nHost: guest\r\n\r\n`));
    client.once('data', () => truncateSync(path, 1 << 20));
    client.on('data', (chunk) => {
      length += chunk.length;
    });
    client.on('close', () => resolve(length));
    client.on('error', reject);
  });
  expect(received).toBeLessThan(64 << 20);
});
