import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { HostGuest } from '../../test/support/host-guest.ts';

let guest: HostGuest;
beforeAll(async () => {
  guest = await HostGuest.start();
});
afterAll(() => guest?.close());

/** Something that listens on this host, until the test ends. @returns its port. */
async function listen(onConnection: (socket: Socket) => void, host = '127.0.0.1'): Promise<number> {
  const server: Server = createServer({ allowHalfOpen: true }, onConnection);
  server.listen(0, host);
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

/** Asks for a port. @returns the connection, behind the answer's headers. */
async function open(authority: string): Promise<{ head: string; socket: Duplex }> {
  const socket = await guest.connect();
  socket.write(`CONNECT ${authority} HTTP/1.1\r\nhost: ${authority}\r\n\r\n`);
  let received = Buffer.alloc(0);
  while (!received.includes('\r\n\r\n')) {
    const chunk = socket.read() as Buffer | null;
    if (chunk === null) await once(socket, 'readable');
    else received = Buffer.concat([received, chunk]);
  }
  const end = received.indexOf('\r\n\r\n') + 4;
  if (end < received.length) socket.unshift(received.subarray(end));
  return { head: received.subarray(0, end).toString(), socket };
}

async function readAll(socket: Duplex): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

test.each(['127.0.0.1', '::1'])('bytes go both ways to a port of %s, and each side ends its own', async (host) => {
  const bytes = randomBytes(2_000_000);
  const port = await listen((socket) => {
    void readAll(socket).then((received) => socket.end(received));
  }, host);
  const { head, socket } = await open(`127.0.0.1:${port}`);
  expect(head).toMatch(/^HTTP\/1.1 200 /);
  socket.end(bytes);
  expect((await readAll(socket)).equals(bytes)).toBe(true);
});

test('a program that speaks first is heard', async () => {
  const port = await listen((socket) => socket.end('welcome'));
  const { socket } = await open(`127.0.0.1:${port}`);
  expect((await readAll(socket)).toString()).toBe('welcome');
  socket.end();
});

test('when the client is gone, the program hears the end of its input, and can close', async () => {
  const { promise: ended, resolve } = Promise.withResolvers<void>();
  const port = await listen((socket) => {
    socket.resume().on('end', () => {
      socket.end('too late');
      resolve();
    });
  });
  const { socket } = await open(`127.0.0.1:${port}`);
  socket.destroy();
  await ended;
  await guest.untilSettled();
});

test('when the program breaks the connection, so does the guest', async () => {
  const port = await listen((socket) => void socket.on('data', () => socket.resetAndDestroy()));
  const { socket } = await open(`127.0.0.1:${port}`);
  socket.write('hello');
  expect(await readAll(socket)).toHaveLength(0);
});

test('a port where nothing listens is told as such', async () => {
  const { head, socket } = await open('127.0.0.1:1');
  onTestFinished(() => void socket.destroy());
  expect(head).toMatch(/^HTTP\/1.1 502 Bad Gateway\r\nsandglass-reason: port_unreachable\r\n/);
  expect(JSON.parse((await readAll(socket)).toString())).toEqual({
    code: 502,
    reason: 'port_unreachable',
    message: 'port 1 of the sandbox is unreachable: nothing listens there',
  });
});

test.each(['10.0.0.1:80', '127.0.0.1:0', '127.0.0.1:65536', '127.0.0.1', 'localhost:x', '[::1]:80'])('%s is no port', async (authority) => {
  const { head, socket } = await open(authority);
  expect(head).toMatch(/^HTTP\/1.1 400 /);
  socket.destroy();
});
