import { request } from 'node:http';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { HostGuest } from '../../test/support/host-guest.ts';
import { byPid, ProcessStream, processClient, shell } from '../../test/support/process-client.ts';

let guest: HostGuest;
beforeEach(async () => {
  guest = await HostGuest.start();
});
afterEach(() => guest?.close());

const untilSpares = (count: number) => vi.waitFor(() => expect(guest.spares).toBe(count), 10_000);

test('four spare connections wait, and a used one is replaced at once', async () => {
  await untilSpares(4);
  expect(guest.connections).toBe(5); // one has served /init
  const streams = await Promise.all(Array.from({ length: 10 }, () => ProcessStream.begun(processClient(guest).start(shell('read x')))));
  await untilSpares(4);
  expect(guest.connections).toBe(14); // and one of ten was the first again
  for (const { pid } of streams) await processClient(guest).closeStdin({ process: byPid(pid) });
});

test('a connection serves many requests, and stays open between them', async () => {
  await untilSpares(4);
  const { connections } = guest;
  for (let n = 0; n < 20; n++) expect((await guest.fetch('GET', '/health')).status).toBe(204);
  expect(guest.connections).toBe(connections);
});

test('when the executor goes and comes back, the guest is there again, and its processes have gone on', async () => {
  const stream = await ProcessStream.begun(processClient(guest).start(shell('read x; echo $x; exit 3')));
  for (let n = 0; n < 3; n++) {
    await guest.stopListening();
    expect(guest.connections).toBe(0);
    await guest.listenAgain();
    await untilSpares(4);
  }
  const process = byPid(stream.pid);
  await processClient(guest).sendInput({ process, input: { input: { case: 'stdin', value: Buffer.from('still here\n') } } });
  const { stdout, exitCode } = await ProcessStream.told(processClient(guest).connect({ process }));
  expect([stdout.toString(), exitCode]).toEqual(['still here\n', 3]);
});

test('spare connections that are closed are replaced, without haste', async () => {
  let accepted = 0;
  for (let round = 0; round < 5; round++) {
    await untilSpares(4);
    accepted += guest.spares;
    await guest.breakConnections();
  }
  expect(accepted).toBe(20);
  await untilSpares(4);
});

test.each([
  ['headers without end', `GET /health HTTP/1.1\r\nhost: a\r\nx: ${'y'.repeat(100_000)}`, /^HTTP\/1.1 431/],
  ['nonsense', '\x16\x03\x01 nonsense\r\n\r\n', /^HTTP\/1.1 400/],
  ['two lengths', 'POST /init HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n{}', /^HTTP\/1.1 400/],
  ['a path that is none', 'GET // HTTP/1.1\r\nhost: a\r\n\r\n', /^HTTP\/1.1 400/],
  ['an unknown path', 'GET /constructor HTTP/1.1\r\nhost: a\r\n\r\n', /^HTTP\/1.1 400/],
  ['a CONNECT to elsewhere', 'CONNECT example.org:80 HTTP/1.1\r\nhost: a\r\n\r\n', /^HTTP\/1.1 400/],
])('%s is answered with an error, and the guest goes on', async (_, text, answer) => {
  const socket = await guest.connect();
  socket.write(text);
  let received = '';
  for await (const chunk of socket) {
    received += String(chunk);
    if (received.includes('\r\n\r\n')) break;
  }
  expect(received).toMatch(answer);
  expect((await guest.fetch('GET', '/health')).status).toBe(204);
});

test.each([
  ['a message that is no message', 'application/proto', '/process.Process/SendInput', Buffer.from([0xff, 0xff, 0xff]), 500],
  ['JSON that is none', 'application/json', '/process.Process/List', Buffer.from('{'), 400],
  ['an unknown method', 'application/json', '/process.Process/Nothing', Buffer.from('{}'), 404],
  ['an unknown encoding', 'text/plain', '/process.Process/List', Buffer.from('{}'), 415],
  ['a message that is too large', 'application/json', '/process.Process/List', Buffer.alloc(17 * 1024 * 1024, ' '), 429],
])('%s is refused, and the guest goes on', async (_, type, path, body, status) => {
  const headers = { 'content-type': type, 'connect-protocol-version': '1' };
  const call = request({ agent: guest.agent, host: 'guest', method: 'POST', path, headers });
  call.on('error', () => {}); // the answer may come before all has been sent
  call.end(body);
  const { promise, resolve } = Promise.withResolvers<number | undefined>();
  call.on('response', (response) => resolve(response.resume().statusCode));
  expect(await promise).toBe(status);
  expect((await guest.fetch('GET', '/health')).status).toBe(204);
});

test('health, variables and metrics are told as envd does', async () => {
  expect((await guest.fetch('GET', '/health')).status).toBe(204);
  expect(JSON.parse((await guest.fetch('GET', '/envs')).body)).toEqual({});
  const metrics = JSON.parse((await guest.fetch('GET', '/metrics')).body);
  expect(Object.keys(metrics).sort()).toEqual(
    ['ts', 'cpu_count', 'cpu_used_pct', 'mem_total', 'mem_used', 'mem_cache', 'disk_used', 'disk_total'].sort(),
  );
});
