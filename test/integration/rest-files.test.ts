import { createHash, randomBytes } from 'node:crypto';
import { chmodSync, existsSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import http, { type IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { HostGuest } from '../support/host-guest.ts';
import { RestWorld } from '../support/rest-world.ts';
import { tempFolder } from '../support/temp-folder.ts';

let guest: HostGuest;
beforeAll(async () => {
  guest = await HostGuest.start({});
});
afterAll(() => guest?.close());

let folder: string;
let api: RestWorld;
let base: string;
beforeEach(async () => {
  folder = tempFolder();
  api = await RestWorld.create({ guests: { connectGuest: () => guest.connect() } });
  base = `sandboxes/${(await api.world.runningSandbox()).id}/files`;
});

const url = (path: string, query = '') => `${base}?path=${encodeURIComponent(path)}${query}`;
const put = (path: string, body: string | Buffer | ReadableStream, headers: Record<string, string> = {}, query = '') =>
  fetch(`${api.url}/v1/namespaces/default/${url(path, query)}`, { method: 'PUT', body, headers, duplex: 'half' } as RequestInit);
const get = (path: string, headers: Record<string, string> = {}) =>
  api.send('GET', url(path), { headers: { 'accept-encoding': 'identity', ...headers } });
const bytesOf = async (response: Response) => Buffer.from(await response.arrayBuffer());
/** As it is on the wire: fetch would unpack it. */
const raw = (path: string, headers: Record<string, string>) =>
  new Promise<IncomingMessage>((resolve, reject) => {
    const request = http.get(`${api.url}/v1/namespaces/default/${url(path)}`, { headers, agent: false }, resolve);
    request.on('error', reject);
  });

test.each(['image/png', 'application/json', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x'])(
  'random bytes come back as they went in, whatever they claim to be: %s',
  async (type) => {
    const path = join(folder, 'a', 'b');
    const bytes = randomBytes(3_000_000);
    const written = await put(path, bytes, { 'content-type': type }, '&mode=640');
    expect(written.status).toBe(200);
    expect(await written.json()).toMatchObject({ name: 'b', type: 'file', path, size_bytes: bytes.length, mode: '0640', metadata: {} });
    expect((await bytesOf(await get(path))).equals(bytes)).toBe(true);
  },
);

test('a file is streamed in without its length being known, and an empty one is a file', async () => {
  const path = join(folder, 'f');
  const chunks = Array.from({ length: 64 }, () => randomBytes(64 * 1024));
  expect((await put(path, Readable.toWeb(Readable.from(chunks)))).status).toBe(200);
  expect(readFileSync(path).equals(Buffer.concat(chunks))).toBe(true);
  expect(await (await put(path, '')).json()).toMatchObject({ size_bytes: 0 });
  expect((await bytesOf(await get(path))).length).toBe(0);
});

test.each(['with space', 'new\nline', 'grüße 語 🦀', 'quo\'te"s', 'a+b%20c', '?#&='])('a file may be called %j', async (name) => {
  const path = join(folder, name);
  expect(await (await put(path, 'x')).json()).toMatchObject({ name, path });
  expect(
    (await api.call('GET', `${base}/list?path=${encodeURIComponent(folder)}`)).body.entries.map((one: { name: string }) => one.name),
  ).toEqual([name]);
  expect(await (await get(path)).text()).toBe('x');
  expect((await api.call('DELETE', url(path))).status).toBe(204);
  expect(existsSync(path)).toBe(false);
});

test('a part of a file is read, and a part that is not there is refused', async () => {
  const path = join(folder, 'f');
  writeFileSync(path, '0123456789');
  const part = await get(path, { range: 'bytes=2-4' });
  expect([part.status, part.headers.get('content-range'), await part.text()]).toEqual([206, 'bytes 2-4/10', '234']);
  expect(await (await get(path, { range: 'bytes=-3' })).text()).toBe('789');
  const beyond = await get(path, { range: 'bytes=10-' });
  expect(beyond.status).toBe(416);
  expect(await beyond.json()).toMatchObject({ error: { reason: 'range_not_satisfiable' } });
});

test('gzip goes through to who asks for it, and to nobody else', async () => {
  const path = join(folder, 'f');
  writeFileSync(path, 'x'.repeat(100_000));
  const packed = await raw(path, { 'accept-encoding': 'br, gzip;q=0.5' });
  expect(packed.headers).toMatchObject({ 'content-encoding': 'gzip', vary: 'accept-encoding' });
  expect(gunzipSync(Buffer.concat(await packed.toArray())).toString()).toBe('x'.repeat(100_000));
  const refused = await raw(path, { 'accept-encoding': 'gzip;q=0' });
  expect(refused.headers['content-encoding']).toBeUndefined();
  expect(Buffer.concat(await refused.toArray()).length).toBe(100_000);
});

test('a page of a sandbox is no page of the server', async () => {
  const path = join(folder, 'ü index.html');
  writeFileSync(path, '<script>alert(1)</script>');
  const { headers } = await get(path);
  expect(Object.fromEntries(headers)).toMatchObject({
    'content-type': 'application/octet-stream',
    'x-content-type-options': 'nosniff',
    'content-disposition': "attachment; filename*=UTF-8''%C3%BC%20index.html",
    'content-security-policy': "sandbox; default-src 'none'",
    'content-length': '25',
  });
});

test('directories are made, listed, moved and deleted', async () => {
  const made = await api.call('POST', `${base}/mkdir`, { body: { path: join(folder, 'a/b') } });
  expect(made).toMatchObject({ status: 201, body: { name: 'b', type: 'directory', mode: '0755', permissions: 'drwxr-xr-x' } });
  expect(await api.call('POST', `${base}/mkdir`, { body: { path: join(folder, 'a') } })).toMatchObject({
    status: 409,
    body: { error: { reason: 'file_exists' } },
  });
  writeFileSync(join(folder, 'a/b/c'), 'c');
  symlinkSync('/nowhere', join(folder, 'a/link'));
  const listed = await api.call('GET', `${base}/list?path=${folder}/a&depth=2`);
  const found = listed.body.entries.map((one: { path: string; type: string; symlink_target?: string }) => [
    one.path,
    one.type,
    one.symlink_target,
  ]);
  expect(found).toEqual([
    [join(folder, 'a/b'), 'directory', undefined],
    [join(folder, 'a/b/c'), 'file', undefined],
    [join(folder, 'a/link'), 'symlink', '/nowhere'],
  ]);
  const moved = await api.call('POST', `${base}/move`, { body: { source: join(folder, 'a/b'), destination: join(folder, 'z') } });
  expect(moved).toMatchObject({ status: 200, body: { path: join(folder, 'z') } });
  expect(await api.call('DELETE', url(join(folder, 'z')))).toMatchObject({
    status: 409,
    body: { error: { reason: 'directory_not_empty' } },
  });
  expect((await api.call('DELETE', url(join(folder, 'z'), '&recursive=true'))).status).toBe(204);
  expect((await api.call('DELETE', url(join(folder, 'a/link')))).status).toBe(204);
  expect(existsSync(join(folder, 'z'))).toBe(false);
});

test('stat tells what there is, and that there is nothing', async () => {
  const path = join(folder, 'f');
  writeFileSync(path, 'abc');
  chmodSync(path, 0o4711);
  const { body } = await api.call('GET', `${base}/stat?path=${path}`);
  const { mtimeMs } = statSync(path);
  expect(body).toMatchObject({ size_bytes: 3, mode: '4711', permissions: '-rws--x--x', modified_at: Math.floor(mtimeMs) });
  expect(await api.call('GET', `${base}/stat?path=${path}x`)).toMatchObject({ status: 404, body: { error: { reason: 'file_not_found' } } });
  expect(await api.call('DELETE', url(`${path}x`))).toMatchObject({ status: 404, body: { error: { reason: 'file_not_found' } } });
  expect((await get(`${path}x`)).status).toBe(404);
  expect(await (await get(folder)).json()).toMatchObject({ error: { reason: 'is_a_directory' } });
});

test('an upload that can not be written is answered, however much of it is still to come', async () => {
  writeFileSync(join(folder, 'file'), '');
  const answer = await put(join(folder, 'file/below'), randomBytes(20_000_000));
  expect(answer.status).toBe(409);
  expect(await answer.json()).toMatchObject({ error: { reason: 'not_a_directory' } });
});

test('an upload whose client goes away leaves no file', async () => {
  const path = join(folder, 'half');
  const client = new AbortController();
  const begun = Promise.withResolvers<void>();
  const body = async function* () {
    yield randomBytes(300_000);
    begun.resolve();
    await new Promise(() => {});
  };
  const sent = fetch(`${api.url}/v1/namespaces/default/${url(path)}`, {
    method: 'PUT',
    body: Readable.toWeb(Readable.from(body())),
    duplex: 'half',
    signal: client.signal,
  } as RequestInit);
  await begun.promise;
  client.abort();
  await expect(sent).rejects.toThrow();
  await api.call('GET', '/health');
  expect(existsSync(path)).toBe(false);
});

test('an upload may take longer than a minute, and other bodies may not', async () => {
  const path = join(folder, 'slow');
  const go = Promise.withResolvers<void>();
  const body = async function* () {
    yield Buffer.from('first ');
    await go.promise;
    yield Buffer.from('second');
  };
  const sent = put(path, Readable.toWeb(Readable.from(body())));
  await api.timerOf(60_000);
  api.world.clock.advance(50_000);
  go.resolve();
  expect((await sent).status).toBe(200);
  expect(readFileSync(path, 'utf8')).toBe('first second');

  const late = http.request(`${api.url}/v1/namespaces/default/sandboxes`, { method: 'POST', headers: { 'content-length': 10 } });
  late.flushHeaders();
  const answer = new Promise<IncomingMessage>((resolve) => late.on('response', resolve));
  late.on('error', () => {});
  await api.timerOf(60_000);
  api.world.clock.advance(60_000);
  expect((await answer).statusCode).toBe(408);
});

test('a hundred megabytes go both ways', async () => {
  const path = join(folder, 'large');
  const bytes = randomBytes(100_000_000);
  expect((await put(path, bytes)).status).toBe(200);
  const hash = createHash('sha256');
  for await (const chunk of (await get(path)).body ?? []) hash.update(chunk);
  expect(hash.digest('hex')).toBe(createHash('sha256').update(bytes).digest('hex'));
});

test.each([
  ['no path', 'GET', '', undefined, 'path'],
  ['an empty path', 'GET', '/stat?path=', undefined, 'path'],
  ['NUL in a path', 'GET', '/stat?path=a%00b', undefined, 'path'],
  ['a path of 4097 letters', 'GET', `/stat?path=${'a'.repeat(4097)}`, undefined, 'path'],
  ['a path of more than 4096 bytes', 'GET', `/stat?path=${encodeURIComponent('語'.repeat(1366))}`, undefined, 'path'],
  ['a depth of 0', 'GET', '/list?path=a&depth=0', undefined, 'depth'],
  ['a mode that is none', 'PUT', '?path=a&mode=9', 'x', 'mode'],
  ['recursive as a number', 'DELETE', '?path=a&recursive=1', undefined, 'recursive'],
  ['a user with a space', 'GET', '/stat?path=a&user=a%20b', undefined, 'user'],
  ['a move to nowhere', 'POST', '/move', { source: 'a' }, 'destination'],
  ['a misspelt parameter', 'GET', '/watch?path=a&recursiv=true', undefined, 'recursiv'],
])('%s is refused with its field', async (_what, method, path, body, field) => {
  expect(await api.call(method, base + path, { body })).toMatchObject({ status: 400, body: { error: { details: { field } } } });
});

test('a paused sandbox has its uploads refused', async () => {
  await api.call('POST', base.replace('/files', '/pause?wait=paused'));
  const answer = await put('/x', randomBytes(2_000_000));
  expect(answer.status).toBe(409);
  expect(await answer.json()).toMatchObject({
    error: { reason: 'sandbox_not_running', message: expect.stringContaining('resume it first') },
  });
});
