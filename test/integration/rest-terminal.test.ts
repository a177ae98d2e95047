import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { type ClientOptions, WebSocket } from 'ws';
import { HostGuest } from '../support/host-guest.ts';
import { HostGuestLink } from '../support/host-guest-link.ts';
import { sendRequest } from '../support/raw-http.ts';
import { apiKey, RestWorld, type RestWorldOptions } from '../support/rest-world.ts';
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
beforeEach(() => begin());

async function begin(options: RestWorldOptions = {}): Promise<void> {
  link = new HostGuestLink(guest);
  api = await RestWorld.create({ links: link, ...options });
  id = (await api.world.runningSandbox()).id;
}

const pathOf = (query: string) => `/v1/namespaces/default/sandboxes/${id}/terminal?${query}`;
const open = (query = '', protocols = ['sandglass.terminal.v1'], options: ClientOptions = {}) =>
  WebSocketClient.open(`ws://127.0.0.1:${api.port}${pathOf(query)}`, protocols, options);

/** The query that runs a line of shell. */
const sh = (line: string, more = '') => `cmd=sh&arg=-c&arg=${encodeURIComponent(line)}${more}`;

const isAlive = (pid: number) => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};
const pidOf = async (client: WebSocketClient) => {
  await client.until(() => client.texts.length > 0);
  return client.texts[0]?.pid as number;
};

describe('a terminal', () => {
  test('runs a program, and tells how it ends', async () => {
    const client = await open(sh('printf "%s" "$TERM"; tty; exit 3'));
    expect(client.socket.protocol).toBe('sandglass.terminal.v1');
    expect(await client.closed).toEqual({ code: 1000, reason: '' });
    expect(String(client.bytes)).toMatch(/^xterm-256color\/dev\/pts\/\d+\r\n$/);
    expect(client.texts).toEqual([
      { type: 'start', pid: expect.any(Number) },
      { type: 'exit', exit_code: 3 },
    ]);
  });

  test('is of the size that is asked for, and changes it', async () => {
    const client = await open(sh('trap "stty size" WINCH; stty size; while :; do sleep 0.05; done', '&cols=101&rows=33'));
    await client.untilText('33 101\r\n');
    client.send({ type: 'resize', cols: 120, rows: 50 });
    await client.untilText('50 120\r\n');
  });

  test('without a program has the shell of the user, as one who logs in', async () => {
    const client = await open();
    client.send('case $- in *i*) echo inter""active;; esac; shopt -q login_shell && echo log""in; exit 7\n');
    expect((await client.closed).code).toBe(1000);
    expect(String(client.bytes)).toMatch(/interactive[\s\S]*login/);
    expect(client.texts.at(-1)).toEqual({ type: 'exit', exit_code: 7 });
  });

  test('carries bytes of every value both ways unchanged', async () => {
    const client = await open(sh('stty raw -echo; echo ready; exec head -c 3000000'));
    await client.untilText('ready');
    const begin = client.bytes.length;
    const sent = randomBytes(3_000_000);
    for (let at = 0; at < sent.length; at += 100_003) client.send(sent.subarray(at, at + 100_003));
    expect((await client.closed).code).toBe(1000);
    const got = client.bytes.subarray(client.bytes.indexOf('ready') + 'ready\n'.length);
    expect(begin).toBeLessThan(100);
    expect(got.length).toBe(sent.length);
    expect(got.equals(sent)).toBe(true);
  });

  test('takes what is typed key by key, in order', async () => {
    const client = await open(sh('stty raw -echo; echo ready; exec head -c 5000'));
    await client.untilText('ready');
    const text = Array.from({ length: 1250 }, (_, i) => String(i).padStart(4, '0')).join('');
    for (const key of text) client.send(key);
    await client.closed;
    expect(String(client.bytes)).toContain(text);
  });

  test('that its connection began is hung up with it', async () => {
    const client = await open(sh('echo ready; exec sleep 1000'));
    await client.untilText('ready');
    const pid = await pidOf(client);
    expect(isAlive(pid)).toBe(true);
    client.socket.terminate();
    await vi.waitFor(() => expect(isAlive(pid)).toBe(false), { timeout: 10_000, interval: 5 });
  });

  test('is hung up also when its program is stopped', async () => {
    const client = await open(sh('echo ready; kill -STOP $$'));
    const pid = await pidOf(client);
    await client.untilText('ready');
    client.socket.close();
    await vi.waitFor(() => expect(isAlive(pid)).toBe(false), { timeout: 10_000, interval: 5 });
  });

  test('can be attached to, which leaves it alone', async () => {
    const first = await open(sh('stty -echo; echo one; read line; echo "got $line"; exec sleep 1000'));
    await first.untilText('one');
    const pid = await pidOf(first);
    const second = await open(`pid=${pid}`);
    second.send('hello\n');
    await second.untilText('got hello');
    second.send({ type: 'resize', cols: 9, rows: 9 });
    second.socket.close(1000);
    await second.closed;
    expect(isAlive(pid)).toBe(true);
    first.socket.close();
  });

  test('of a process that has none is refused in words', async () => {
    const { body } = await api.call('POST', `sandboxes/${id}/processes`, { body: { shell: 'read x; echo $x; sleep 1000', stdin: true } });
    const client = await open(`pid=${body.pid}`);
    client.send('text\n');
    expect((await client.closed).code).toBe(1011);
    expect(client.texts.at(-1)).toMatchObject({
      type: 'error',
      reason: 'invalid_request',
      message: expect.stringContaining('no terminal'),
    });
    await api.call('POST', `sandboxes/${id}/processes/${body.pid}/signal`, { body: { signal: 'SIGKILL' } });
  });
});

describe('before the handshake', () => {
  test.each([
    ['cmd=nosuch', 400, 'command_not_found'],
    ['user=nosuch', 400, 'invalid_user'],
    ['pid=4194303', 404, 'process_not_found'],
    ['pid=1&cmd=sh', 400, 'invalid_request'],
    ['arg=x', 400, 'invalid_request'],
    ['cols=0', 400, 'invalid_request'],
    ['cols=65536', 400, 'invalid_request'],
    ['cmd=a%00b', 400, 'invalid_request'],
    ['size=9', 400, 'invalid_request'],
  ])('%s is refused with %i %s', async (query, status, reason) => {
    await expect(open(query)).rejects.toMatchObject({ status, reason });
  });

  test('a sandbox that does not run is refused', async () => {
    await api.call('POST', `sandboxes/${id}/pause?wait=paused`);
    await expect(open()).rejects.toMatchObject({ status: 409, reason: 'sandbox_not_running' });
    id = `sb-${'0'.repeat(32)}`;
    await expect(open()).rejects.toMatchObject({ status: 404, reason: 'sandbox_not_found' });
  });

  test('a plain request is told to upgrade', async () => {
    const { status, headers, body } = await api.call('GET', pathOf(''));
    expect([status, headers.get('upgrade'), body.error.reason]).toEqual([426, 'websocket', 'upgrade_required']);
    const other = await sendRequest(api.port, pathOf(''), { headers: { connection: 'upgrade', upgrade: 'echo' } });
    expect(other.status).toBe(426);
  });

  test.each([{ 'sec-websocket-version': '7' }, { 'sec-websocket-key': 'x' }, {}])('half a handshake is refused: %j', async (headers) => {
    const { status, body } = await sendRequest(api.port, pathOf(''), {
      headers: { connection: 'upgrade', upgrade: 'websocket', ...headers },
    });
    expect([status, JSON.parse(String(body)).error.reason]).toEqual([400, 'invalid_request']);
  });

  test('an upgrade of a plain route is answered as if it were none, and the connection stays', async () => {
    const socket = connect(api.port, '127.0.0.1');
    const request = 'GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n';
    let text = '';
    socket.on('data', (chunk) => {
      text += String(chunk);
    });
    socket.write(request);
    await vi.waitFor(() => expect(text).toContain('{"status":"ok"}'), { timeout: 10_000 });
    socket.write(request);
    await vi.waitFor(() => expect(text.split('{"status":"ok"}')).toHaveLength(3), { timeout: 10_000 });
    socket.destroy();
  });

  test('a client that goes while a program starts has it hung up', async () => {
    const [reached, release] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const written: string[] = [];
    const connectGuest = link.connectGuest.bind(link);
    link.connectGuest = async (...call) => {
      reached.resolve();
      await release.promise;
      const connection = await connectGuest(...call);
      const write = connection.write.bind(connection) as (...args: unknown[]) => boolean;
      return Object.assign(connection, {
        write(...args: unknown[]) {
          written.push(String(args[0]));
          return write(...args);
        },
      });
    };
    const socket = new WebSocket(`ws://127.0.0.1:${api.port}${pathOf(sh('exec sleep 1000.5'))}`);
    socket.on('error', () => {});
    await reached.promise;
    socket.terminate();
    release.resolve();
    await vi.waitFor(() => expect(written.join('')).toContain('/process.Process/SendSignal'), { timeout: 10_000, interval: 5 });
    await vi.waitFor(
      async () => expect(JSON.stringify((await api.call('GET', `sandboxes/${id}/processes`)).body)).not.toContain('1000.5'),
      { timeout: 10_000 },
    );
  });
});

describe('a client that does not keep to the protocol is closed with 1008', () => {
  test.each([
    ['no JSON', 'hello', 'JSON'],
    ['no object', '[1]', 'resize'],
    ['null', 'null', 'JSON'],
    ['another type', '{"type":"exit"}', 'resize'],
    ['no columns', '{"type":"resize","rows":1}', 'cols'],
    ['a size of zero', '{"type":"resize","cols":1,"rows":0}', 'rows'],
    ['a size that is no number', '{"type":"resize","cols":"1","rows":1}', 'cols'],
    ['a huge size', '{"type":"resize","cols":1,"rows":70000}', 'rows'],
  ])('%s', async (_what, text, said) => {
    const client = await open(sh('exec sleep 1000'));
    const pid = await pidOf(client);
    client.socket.send(text);
    expect(await client.closed).toEqual({ code: 1008, reason: expect.stringContaining(said) });
    await vi.waitFor(() => expect(isAlive(pid)).toBe(false), { timeout: 10_000, interval: 5 });
  });
});

test('a message of more than 1 MiB is refused', async () => {
  const client = await open(sh('exec sleep 1000'));
  client.send(Buffer.alloc(1024 * 1024 + 1));
  expect((await client.closed).code).toBe(1009);
});

describe('nobody gets more than they take', () => {
  test('a client that does not read stops the program, and hears everything once it does', async () => {
    const client = await open(sh('stty raw; i=0; while [ $i -lt 400 ]; do head -c 65536 /dev/zero; i=$((i+1)); done; echo done'));
    client.socket.pause();
    const received = () =>
      link.connections.reduce((sum, connection) => sum + (connection as unknown as { bytesRead: number }).bytesRead, 0);
    await settled(received);
    expect(received()).toBeLessThan(16 * 1024 * 1024);
    client.socket.resume();
    expect((await client.closed).code).toBe(1000);
    expect(client.bytes.length).toBeGreaterThanOrEqual(400 * 65_536);
    expect(String(client.bytes.subarray(-10))).toContain('done');
  });

  test('a program that does not read stops the client', async () => {
    const client = await open(sh('stty raw -echo; echo ready; exec sleep 1000'));
    await client.untilText('ready');
    let handedOver = 0;
    const chunk = Buffer.alloc(65_536);
    for (let n = 0; n < 1000; n += 1) client.socket.send(chunk, () => (handedOver += chunk.length));
    await settled(() => handedOver + 1);
    expect(handedOver).toBeLessThan(32 * 1024 * 1024);
    const pid = await pidOf(client);
    // That it goes is behind what was not read; that it does not take our pings is not.
    client.socket.terminate();
    const gone = () => {
      api.world.clock.advance(15_000);
      expect(isAlive(pid)).toBe(false);
    };
    await vi.waitFor(gone, { timeout: 10_000, interval: 50 });
  });
});

describe('an end', () => {
  test('of the sandbox is told', async () => {
    const own = await HostGuest.start();
    link.guest = own;
    const client = await open(sh('echo ready; exec sleep 1000'));
    await client.untilText('ready');
    await own.close();
    expect((await client.closed).code).toBe(1011);
    expect(client.texts.at(-1)).toMatchObject({ type: 'error', reason: 'guest_unavailable' });
  });

  test('of the server closes terminals as it goes', async () => {
    const client = await open(sh('echo ready; exec sleep 1000'));
    await client.untilText('ready');
    const closing = api.close();
    expect(await client.closed).toEqual({ code: 1001, reason: 'the server is shutting down' });
    await closing;
  });

  test('of a peer that says nothing any more is noticed', async () => {
    const client = await open(sh('echo ready; exec sleep 1000'), undefined, { autoPong: false });
    await client.untilText('ready');
    const pid = await pidOf(client);
    api.world.clock.advance(30_000);
    expect(isAlive(pid)).toBe(true);
    await vi.waitFor(() => {
      api.world.clock.advance(30_000);
      expect(client.socket.readyState).toBe(client.socket.CLOSED);
    });
    await vi.waitFor(() => expect(isAlive(pid)).toBe(false), { timeout: 10_000, interval: 5 });
  });

  test('does not come to one that answers', async () => {
    const client = await open(sh('stty -echo; echo ready; exec cat'));
    await client.untilText('ready');
    let pings = 0;
    client.socket.on('ping', () => {
      pings += 1;
    });
    for (let n = 0; n < 10; n += 1) {
      api.world.clock.advance(15_000);
      client.send(`${n}!\n`); // also shows that the guest is there, whose time is another
      await client.untilText(`${n}!`);
    }
    expect(pings).toBe(5);
    expect(client.socket.readyState).toBe(client.socket.OPEN);
  });
});

describe('keys', () => {
  const bearer = (key: string) => `sandglass.bearer.${Buffer.from(key).toString('base64url')}`;
  beforeEach(() => begin({ apiKeys: [apiKey('sg_team', { namespace: 'default' }), apiKey('sg_other', { namespace: 'other' })] }));

  test('are taken as a header, or as a subprotocol that is not answered with', async () => {
    for (const [protocols, headers] of [
      [['sandglass.terminal.v1'], { authorization: 'Bearer sg_team' }],
      [['sandglass.terminal.v1', bearer('sg_team')], {}],
      [[bearer('sg_team'), 'sandglass.terminal.v1'], {}],
    ] as const) {
      const client = await open(sh('exit'), [...protocols], { headers });
      expect(client.socket.protocol).toBe('sandglass.terminal.v1');
      await client.closed;
    }
    expect(JSON.stringify(api.logged)).not.toMatch(/sg_team[^"]|bearer/);
    expect(JSON.stringify(api.logged)).toContain('key of sg_team');
  });

  test('are needed, and for this namespace', async () => {
    await expect(open()).rejects.toMatchObject({ status: 401 });
    await expect(open('', ['sandglass.terminal.v1', bearer('sg_nobody')])).rejects.toMatchObject({ status: 401 });
    await expect(open('', ['sandglass.terminal.v1', bearer('sg_other')])).rejects.toMatchObject({ status: 403 });
    await expect(open('', ['sandglass.terminal.v1', 'sandglass.bearer.'])).rejects.toMatchObject({ status: 401 });
  });

  test('in a subprotocol open nothing but WebSockets', async () => {
    const headers = { 'sec-websocket-protocol': bearer('sg_team') };
    expect((await sendRequest(api.port, '/v1/namespaces/default/sandboxes', { headers })).status).toBe(401);
    const upgrade = { ...headers, connection: 'upgrade', upgrade: 'websocket' };
    expect((await sendRequest(api.port, '/v1/namespaces/default/sandboxes', { headers: upgrade })).status).toBe(401);
  });
});

test('without keys, a web page of another origin can open no terminal', async () => {
  for (const origin of ['https://evil.example', 'null', 'http://localhost:1']) {
    await expect(open(sh('exit'), [], { origin })).rejects.toMatchObject({ status: 403 });
  }
  const client = await open(sh('exit'), [], { origin: `http://127.0.0.1:${api.port}` });
  expect((await client.closed).code).toBe(1000);
});

test('50 terminals at a time', async () => {
  const clients = await Promise.all(Array.from({ length: 50 }, (_, i) => open(sh(`echo number ${i}`))));
  await Promise.all(clients.map(({ closed }) => closed));
  expect(clients.map(({ bytes }) => String(bytes))).toEqual(clients.map((_, i) => `number ${i}\r\n`));
});
