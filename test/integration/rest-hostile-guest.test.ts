import { create, toBinary } from '@bufbuild/protobuf';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { EntryInfoSchema, FileType, ListDirResponseSchema, StatResponseSchema } from '../../src/rpc/gen/filesystem/filesystem_pb.js';
import { StartResponseSchema } from '../../src/rpc/gen/process/process_pb.js';
import { answerOf, envelope, flood, HostileGuest, type Misdeed } from '../support/hostile-guest.ts';
import { eventsOf, RestWorld } from '../support/rest-world.ts';
import { ScriptedGuests } from '../support/scripted-guests.ts';

const STREAM = 'content-type: application/connect+proto';
const UNARY = 'content-type: application/proto';

let api: RestWorld;
let hostile: HostileGuest;
let path: string;
let honest: string;
beforeEach(async () => {
  hostile = new HostileGuest();
  const good = new ScriptedGuests();
  let bad = '';
  const connectGuest: ScriptedGuests['connectGuest'] = (executorId, id) =>
    id === bad ? hostile.connectGuest() : good.connectGuest(executorId, id);
  api = await RestWorld.create({ guests: { connectGuest } });
  bad = (await api.world.runningSandbox()).id;
  path = `sandboxes/${bad}`;
  honest = `sandboxes/${(await api.world.runningSandbox()).id}/exec`;
});

/** The answer to a request, while another sandbox is asked for something meanwhile, and answers. */
async function whileOthersGoOn<T>(request: Promise<T>): Promise<T> {
  expect((await api.call('POST', honest, { body: { cmd: 'true' } })).status).toBe(200);
  const answer = await request;
  expect((await api.call('POST', honest, { body: { cmd: 'true' } })).status).toBe(200);
  return answer;
}

const start = toBinary(StartResponseSchema, create(StartResponseSchema, { event: { event: { case: 'start', value: { pid: 5 } } } }));
const end = (exitCode: number, status: string, exited: boolean) =>
  toBinary(StartResponseSchema, create(StartResponseSchema, { event: { event: { case: 'end', value: { exitCode, status, exited } } } }));
const events = (...messages: readonly Uint8Array[]) => answerOf([STREAM], Buffer.concat(messages.map((one) => envelope(0, one))));
const write =
  (bytes: Uint8Array | string): Misdeed =>
  (connection) =>
    void connection.write(bytes);
const writeAndEnd =
  (bytes: Uint8Array | string): Misdeed =>
  (connection) =>
    void connection.end(bytes);

const ANSWERS: readonly (readonly [what: string, misdeed: Misdeed])[] = [
  [
    'endless headers',
    (connection) => {
      connection.write('HTTP/1.1 200 OK\r\nx: ');
      flood(connection, 'x'.repeat(65_536));
    },
  ],
  [
    'endless header lines',
    (connection) => {
      connection.write('HTTP/1.1 200 OK\r\n');
      flood(connection, 'a: b\r\n'.repeat(1000));
    },
  ],
  ['no HTTP', (connection) => flood(connection, 'nonsense\n'.repeat(1000))],
  [
    'an endless body that is no stream',
    (connection) => {
      connection.write(answerOf([UNARY]));
      flood(connection, Buffer.alloc(65_536));
    },
  ],
  [
    'an endless error',
    (connection) => {
      connection.write('HTTP/1.1 500 X\r\n\r\n');
      flood(connection, Buffer.alloc(65_536));
    },
  ],
  ['a message that is no protobuf', writeAndEnd(events(Buffer.from('\xff\xff\xff\xff')))],
  ['a message of 4 GB', write(answerOf([STREAM], envelope(0, 'x', 0xffff_ffff)))],
  ['a message that is compressed', write(answerOf([STREAM], envelope(1, 'x')))],
  ['flags that mean nothing', write(answerOf([STREAM], envelope(64, 'x')))],
  ['no more than its headers', writeAndEnd(answerOf([STREAM]))],
  ['less than it promised', writeAndEnd(answerOf([STREAM, 'content-length: 100'], envelope(0, start)))],
  ['an end without a beginning', writeAndEnd(answerOf([STREAM], envelope(2, '{}')))],
  ['an end that is no JSON', writeAndEnd(answerOf([STREAM], envelope(2, '{')))],
  [
    'pid 0',
    writeAndEnd(events(toBinary(StartResponseSchema, create(StartResponseSchema, { event: { event: { case: 'start', value: {} } } })))),
  ],
  ['an exit code of 1000', writeAndEnd(events(start, end(1000, '', true)))],
  ['a signal that is none', writeAndEnd(events(start, end(-1, 'signal: \n', false)))],
  ['another protocol', write('HTTP/1.1 101 X\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n')],
  [
    'a reason that it may not give',
    writeAndEnd(
      answerOf(
        [STREAM],
        envelope(2, JSON.stringify({ error: { code: 'internal', message: 'x' }, metadata: { 'sandglass-reason': ['store_corrupt'] } })),
      ),
    ),
  ],
  ['nothing, and hangs up', (connection) => void connection.destroy()],
];

describe('a guest that gives', () => {
  test.each(ANSWERS)('%s harms only the command that asked it', async (_what, misdeed) => {
    hostile.misdeed = misdeed;
    const answer = await whileOthersGoOn(api.call('POST', `${path}/exec`, { body: { cmd: 'true' } }));
    expect(answer).toMatchObject({ status: 503, body: { error: { reason: 'guest_unavailable' } } });
    await vi.waitFor(() => expect(hostile.closed).toBe(hostile.connections), 10_000);
  });

  test.each(ANSWERS)('%s harms only the file that was asked for', async (_what, misdeed) => {
    hostile.misdeed = misdeed;
    expect(await whileOthersGoOn(api.call('GET', `${path}/files/stat?path=x`))).toMatchObject({
      status: 503,
      body: { error: { reason: 'guest_unavailable' } },
    });
  });
});

test('a guest that says nothing is given up: commands, files, downloads, uploads', async () => {
  const requests = [
    () => api.call('POST', `${path}/exec`, { body: { cmd: 'true' } }),
    () => api.call('GET', `${path}/processes`),
    () => api.call('GET', `${path}/files?path=x`),
    () => api.call('GET', `${path}/files/watch?path=x`),
    () => api.call('PUT', `${path}/files?path=x`, { body: 'x' }),
  ];
  for (const request of requests) {
    const begun = hostile.connections;
    const answer = request();
    await vi.waitFor(() => expect(hostile.connections).toBe(begun + 1), 10_000);
    await api.timerOf(30_000);
    await whileOthersGoOn(Promise.resolve());
    api.world.clock.advance(30_000);
    expect(await answer).toMatchObject({ status: 503, body: { error: { reason: 'guest_unavailable' } } });
  }
  await vi.waitFor(() => expect(hostile.closed).toBe(hostile.connections), 10_000);
});

test('a stream that falls silent ends with an error; one that is kept alive goes on', async () => {
  const connected = Promise.withResolvers<Parameters<Misdeed>[0]>();
  hostile.misdeed = (connection) => {
    connection.write(events(start));
    connected.resolve(connection);
  };
  const stream = eventsOf(await api.send('GET', `${path}/processes/5/output`));
  expect((await stream.next()).value).toEqual({ event: 'start', data: { pid: 5 } });
  const connection = await connected.promise;
  const keepalive = toBinary(StartResponseSchema, create(StartResponseSchema, { event: { event: { case: 'keepalive', value: {} } } }));
  for (let i = 0; i < 3; i++) {
    await api.timerOf(30_000);
    api.world.clock.advance(20_000);
    connection.write(envelope(0, keepalive));
  }
  await api.timerOf(30_000);
  api.world.clock.advance(30_000);
  expect((await Array.fromAsync(stream)).at(-1)).toMatchObject({ event: 'error', data: { error: { reason: 'guest_unavailable' } } });
});

test('a frozen sandbox is silent, and its streams wait for it', async () => {
  hostile.misdeed = write(events(start));
  const stream = eventsOf(await api.send('GET', `${path}/processes/5/output`));
  await stream.next();
  await api.call('POST', `${path}/pause?wait=paused`);
  for (let i = 0; i < 3; i++) {
    await api.timerOf(30_000);
    api.world.clock.advance(30_000);
  }
  await api.timerOf(30_000);
  await api.call('POST', `${path}/resume?wait=running`);
  api.world.clock.advance(30_000);
  expect((await stream.next()).value).toMatchObject({ event: 'error' });
});

test('a download that breaks off is no whole file', async () => {
  const connected = Promise.withResolvers<Parameters<Misdeed>[0]>();
  hostile.misdeed = (connection) => {
    connection.write(answerOf(['content-length: 100'], 'half'));
    connected.resolve(connection);
  };
  const response = await api.send('GET', `${path}/files?path=x`);
  (await connected.promise).end();
  await expect(response.arrayBuffer()).rejects.toThrow();
  hostile.misdeed = writeAndEnd(answerOf(['content-length: 100']));
  expect((await api.call('GET', `${path}/files?path=x`)).status).toBe(503);
});

test('headers of a guest do not reach the client, but those that are known, if they are as they must be', async () => {
  const headers = [
    'content-length: 1',
    'content-type: text/html',
    'set-cookie: a=b',
    'location: /',
    'access-control-allow-origin: *',
    'x-request-id: y',
  ];
  hostile.misdeed = writeAndEnd(answerOf(headers, 'x'));
  const found = Object.fromEntries((await api.send('GET', `${path}/files?path=x`)).headers);
  expect(found).toMatchObject({ 'content-type': 'application/octet-stream', 'x-request-id': expect.stringMatching(/^req-/) });
  for (const name of ['set-cookie', 'location', 'access-control-allow-origin']) expect(found).not.toHaveProperty(name);
  for (const header of ['content-range: x', 'content-encoding: br']) {
    hostile.misdeed = writeAndEnd(answerOf(['content-length: 1', header], 'x'));
    expect((await api.send('GET', `${path}/files?path=x`)).status).toBe(503);
  }
});

const entry = { name: 'x', path: '/x', type: FileType.FILE, permissions: '-', owner: 'o', group: 'g' };

test.each([
  ['a name of a megabyte', { ...entry, name: 'x'.repeat(1_000_000) }],
  ['a size below 0', { ...entry, size: -1n }],
  ['a time beyond all', { ...entry, modifiedTime: { seconds: 2n ** 62n, nanos: 0 } }],
  ['permissions of a kilobyte', { ...entry, permissions: 'x'.repeat(1024) }],
])('a file with %s is not believed', async (_what, told) => {
  const message = toBinary(StatResponseSchema, create(StatResponseSchema, { entry: create(EntryInfoSchema, told) }));
  hostile.misdeed = write(answerOf([UNARY, `content-length: ${message.length}`], message));
  expect((await api.call('GET', `${path}/files/stat?path=x`)).status).toBe(503);
});

test('a directory of eight million nothings is refused before it takes any memory', async () => {
  const entries = Buffer.alloc(16 * 1024 * 1024);
  for (let at = 0; at < entries.length; at += 2) entries[at] = 0x0a;
  hostile.misdeed = write(answerOf([UNARY, `content-length: ${entries.length}`], entries));
  expect((await api.call('GET', `${path}/files/list?path=x`)).status).toBe(503);
});

test('a message in pieces of one byte, and a list of honest size, are read', async () => {
  const message = toBinary(ListDirResponseSchema, create(ListDirResponseSchema, { entries: Array.from({ length: 2000 }, () => entry) }));
  const pieces = [...message].map((byte) => Buffer.concat([Buffer.from('1\r\n'), Buffer.from([byte]), Buffer.from('\r\n')]));
  hostile.misdeed = write(Buffer.concat([answerOf([UNARY, 'transfer-encoding: chunked']), ...pieces, Buffer.from('0\r\n\r\n')]));
  expect((await api.call('GET', `${path}/files/list?path=x`)).body.entries).toHaveLength(2000);
});

test('a connection that has died is not used again, and what can be repeated is', async () => {
  const empty = answerOf([UNARY, 'content-length: 0']);
  let requests = 0;
  hostile.misdeed = (connection) => {
    requests++;
    connection.write(empty);
    // The second request on it is not answered.
    connection.on('data', () => connection.destroy());
  };
  expect((await api.call('GET', `${path}/processes`)).status).toBe(200);
  expect((await api.call('GET', `${path}/processes`)).status).toBe(200);
  expect(requests).toBe(2);
});
