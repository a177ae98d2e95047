import { createHash, randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { HostGuest } from '../support/host-guest.ts';
import { HostGuestLink } from '../support/host-guest-link.ts';
import { listenTcp } from '../support/listening.ts';
import { apiKey, RestWorld } from '../support/rest-world.ts';
import { settled } from '../support/settled.ts';
import { WebSocketClient } from '../support/web-socket-client.ts';

let guest: HostGuest;
beforeAll(async () => {
  guest = await HostGuest.start();
});
afterAll(() => guest.close());

let link: HostGuestLink;
let api: RestWorld;
let id: string;
beforeEach(async () => {
  link = new HostGuestLink(guest);
  api = await RestWorld.create({ links: link });
  id = (await api.world.runningSandbox()).id;
});

const open = (port: number | string, protocols = ['sandglass.tcp.v1']) =>
  WebSocketClient.open(`ws://127.0.0.1:${api.port}/v1/namespaces/default/sandboxes/${id}/tcp/${port}`, protocols);
const untilClosed = () => vi.waitFor(() => expect(link.open).toBe(0), { timeout: 10_000, interval: 5 });
const END = { type: 'end' };

test('bytes go both ways unchanged, and each side ends by itself', async () => {
  const { port } = await listenTcp((socket) => void socket.pipe(socket));
  const client = await open(port);
  expect(client.socket.protocol).toBe('sandglass.tcp.v1');
  const bytes = randomBytes(10_000_000);
  for (let at = 0; at < bytes.length; at += 700_001) client.send(bytes.subarray(at, at + 700_001));
  client.send(END);
  expect((await client.closed).code).toBe(1000);
  expect(client.bytes.equals(bytes)).toBe(true);
  expect(client.texts).toEqual([END]);
  await untilClosed();
});

test('a program that speaks once its client has ended is heard to the end', async () => {
  const bytes = randomBytes(8_000_000);
  const { port } = await listenTcp((socket) => void socket.resume().on('end', () => socket.end(bytes)));
  const client = await open(port);
  client.send('question');
  client.send(END);
  expect((await client.closed).code).toBe(1000);
  expect(client.bytes.equals(bytes)).toBe(true);
});

test('a program that ends first goes on to be spoken to', async () => {
  const heard = Promise.withResolvers<string>();
  const { port } = await listenTcp((socket) => {
    let text = '';
    socket.end('bye');
    socket.on('data', (chunk) => (text += String(chunk))).on('end', () => heard.resolve(text));
  });
  const client = await open(port);
  await client.until(() => client.texts.length > 0);
  expect([String(client.bytes), client.texts]).toEqual(['bye', [END]]);
  client.send('and so ');
  client.send('on');
  client.send(END);
  expect(await heard.promise).toBe('and so on');
  expect((await client.closed).code).toBe(1000);
});

test('a program that speaks first is heard', async () => {
  const { port } = await listenTcp((socket) => void socket.write('220 hello'));
  const client = await open(port);
  await client.untilText('220 hello');
  client.socket.close();
  await untilClosed();
});

test('a connection that the program breaks is closed with 1011 for who speaks on', async () => {
  const { port } = await listenTcp((socket) => void socket.once('data', () => socket.resetAndDestroy()));
  const client = await open(port);
  client.send('x');
  await client.until(() => client.texts.length > 0);
  client.send('y');
  expect((await client.closed).code).toBe(1011);
  await untilClosed();
});

test('a client that goes has its connection to the program closed', async () => {
  const gone = Promise.withResolvers<void>();
  const { port } = await listenTcp((socket) => void socket.resume().on('end', gone.resolve).on('error', gone.resolve));
  const client = await open(port);
  client.socket.terminate();
  await gone.promise;
  await untilClosed();
});

describe('a client that does not keep to the protocol is closed with 1008', () => {
  test.each(['hello', '{"type":"start"}', 'null', '[]', '{'])('%s', async (text) => {
    const { port } = await listenTcp(() => {});
    const client = await open(port);
    client.socket.send(text);
    expect((await client.closed).code).toBe(1008);
    await untilClosed();
  });
});

describe('before the handshake', () => {
  test('a port that nothing listens on is said to be unreachable', async () => {
    const { server, port } = await listenTcp(() => {});
    server.close();
    await expect(open(port)).rejects.toMatchObject({ status: 502, reason: 'port_unreachable' });
  });

  test.each(['0', '65536', 'x'])('what is no port is refused: %s', async (port) => {
    await expect(open(port)).rejects.toMatchObject({ status: 400, reason: 'invalid_request' });
  });

  test('a sandbox that does not run, or does not answer, is refused', async () => {
    link.guest = undefined;
    await expect(open(80)).rejects.toMatchObject({ status: 503, reason: 'guest_unavailable' });
    await api.call('DELETE', `sandboxes/${id}?wait=terminated`);
    await expect(open(80)).rejects.toMatchObject({ status: 409, reason: 'sandbox_not_running' });
  });

  test('a guest that says nothing is given up', async () => {
    const silent = await listenTcp(() => {});
    const { connect } = await import('node:net');
    link.connectGuest = async () => connect(silent.port, '127.0.0.1');
    const opening = open(80);
    await api.timerOf(10_000);
    api.world.clock.advance(10_000);
    await expect(opening).rejects.toMatchObject({ status: 502, reason: 'port_unreachable' });
  });

  test.each([
    ['another status', 'HTTP/1.1 204 No\r\n\r\n'],
    ['an endless header', `HTTP/1.1 200 Ok\r\nX: ${'x'.repeat(100_000)}`],
    ['nonsense', 'nonsense\r\n\r\n'],
    ['nothing', ''],
  ])('a guest that answers with %s is not believed', async (_what, answer) => {
    const hostile = await listenTcp((socket) => void socket.once('data', () => socket.end(answer)));
    const { connect } = await import('node:net');
    link.connectGuest = async () => connect(hostile.port, '127.0.0.1');
    await expect(open(80)).rejects.toMatchObject({ status: 503, reason: 'guest_unavailable' });
  });
});

describe('nobody gets more than they take', () => {
  test('a client that does not read stops the program', async () => {
    let sent = 0;
    const { port } = await listenTcp((socket) => {
      const write = () => {
        while (!socket.destroyed) {
          sent += 65_536;
          if (!socket.write(Buffer.alloc(65_536))) return;
        }
      };
      socket.on('drain', write);
      write();
    });
    const client = await open(port);
    client.socket.pause();
    await settled(() => sent);
    expect(sent).toBeLessThan(32 * 1024 * 1024);
    const before = sent;
    client.socket.resume();
    await vi.waitFor(() => expect(sent).toBeGreaterThan(2 * before), { timeout: 10_000, interval: 5 });
    client.socket.terminate();
    await untilClosed();
  });

  test('a program that does not read stops the client, and gets everything once it does', async () => {
    const sockets: Socket[] = [];
    const { port } = await listenTcp((socket) => void sockets.push(socket.pause()));
    const client = await open(port);
    const [hash, heard] = [createHash('sha256'), createHash('sha256')];
    let handedOver = 0;
    for (let n = 0; n < 600; n += 1) {
      const chunk = randomBytes(65_536);
      hash.update(chunk);
      client.socket.send(chunk, () => (handedOver += chunk.length));
    }
    client.send(END);
    await settled(() => handedOver + 1);
    expect(handedOver).toBeLessThan(32 * 1024 * 1024);
    sockets[0]
      ?.on('data', (chunk) => heard.update(chunk))
      .on('end', () => sockets[0]?.end())
      .resume();
    expect((await client.closed).code).toBe(1000);
    expect(heard.digest('hex')).toBe(hash.digest('hex'));
  });
});

test('100 connections at a time', async () => {
  const { port } = await listenTcp((socket) => void socket.pipe(socket));
  const clients = await Promise.all(Array.from({ length: 100 }, () => open(port)));
  clients.forEach((client, i) => {
    client.send(`number ${i}`);
    client.send(END);
  });
  await Promise.all(clients.map(({ closed }) => closed));
  expect(clients.map(({ bytes }) => String(bytes))).toEqual(clients.map((_, i) => `number ${i}`));
  await untilClosed();
});

test('the sandbox goes in the middle: the connection is closed with 1011', async () => {
  const { port } = await listenTcp((socket) => void socket.write('x'));
  const client = await open(port);
  await client.untilText('x');
  for (const connection of link.connections) connection.destroy();
  expect((await client.closed).code).toBe(1011);
});

test('a key is taken as a subprotocol, and is not answered with', async () => {
  api = await RestWorld.create({ links: link, apiKeys: [apiKey('sg_team', { namespace: 'default' })] });
  id = (await api.world.runningSandbox()).id;
  const { port } = await listenTcp((socket) => void socket.end());
  const client = await open(port, [`sandglass.bearer.${Buffer.from('sg_team').toString('base64url')}`, 'sandglass.tcp.v1']);
  expect(client.socket.protocol).toBe('sandglass.tcp.v1');
  await expect(open(port)).rejects.toMatchObject({ status: 401 });
});
