import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { pipeline } from 'node:stream/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { HostGuest } from '../support/host-guest.ts';
import { HostGuestLink } from '../support/host-guest-link.ts';
import { listenHttp, listenTcp } from '../support/listening.ts';
import { openRequest, readAll, sendRequest, sendText } from '../support/raw-http.ts';
import { apiKey, RestWorld, type RestWorldOptions } from '../support/rest-world.ts';
import { settled } from '../support/settled.ts';

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

const below = (port: number, path = '/') => `/v1/namespaces/default/sandboxes/${id}/ports/${port}${path}`;

/** Answers with what it was asked, as JSON. */
const echo = () =>
  listenHttp(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const { method, url, rawHeaders: headers } = request;
    response.end(JSON.stringify({ method, url, headers, body: Buffer.concat(chunks).toString('base64') }));
  });

const untilClosed = () => vi.waitFor(() => expect(link.open).toBe(0), { timeout: 10_000, interval: 5 });

describe('a program in a sandbox', () => {
  test.each(['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND', 'REPORT', 'QUERY'])(
    'gets %s as it was sent',
    async (method) => {
      const { port } = await echo();
      const path = '/a%2Fb/%zz/../c;d//e?q=%ff&q=2';
      const hasBody = method !== 'GET' && method !== 'OPTIONS';
      const headers = { 'content-type': 'not a type', 'x-Own': 'b', ...(hasBody ? { 'content-length': 4 } : {}) };
      const { status, body } = await sendRequest(api.port, below(port, path), { method, headers, ...(hasBody ? { body: 'body' } : {}) });
      expect(status).toBe(200);
      const seen = JSON.parse(String(body));
      expect(seen).toMatchObject({ method, url: path, body: hasBody ? Buffer.from('body').toString('base64') : '' });
      expect(seen.headers.join('\n')).toContain('x-Own\nb');
      expect(seen.headers.join('\n')).toContain('content-type\nnot a type');
      await untilClosed();
    },
  );

  test('gets the body of a GET as a body, and not as another request', async () => {
    const { port } = await echo();
    const body = 'POST /smuggled HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n';
    for (const headers of [{ 'transfer-encoding': 'chunked' }, { 'content-length': body.length }]) {
      const answer = await sendRequest(api.port, below(port), { headers, body });
      expect(JSON.parse(String(answer.body))).toMatchObject({ method: 'GET', url: '/', body: Buffer.from(body).toString('base64') });
    }
  });

  test('answers HEAD without a body, and with the length of one', async () => {
    const { port } = await listenHttp((_request, response) => response.writeHead(200, { 'content-length': 5 }).end());
    const { status, headers, body } = await sendRequest(api.port, below(port), { method: 'HEAD' });
    expect([status, headers['content-length'], body.length]).toEqual([200, '5', 0]);
  });

  test('is told who asks, and for what', async () => {
    const { port } = await echo();
    const { body } = await sendRequest(api.port, below(port, '/x'), { headers: { host: 'localhost:9', 'x-forwarded-for': '10.1.2.3' } });
    const { headers } = JSON.parse(String(body));
    const seen = Object.fromEntries(Array.from({ length: headers.length / 2 }, (_, i) => headers.slice(2 * i, 2 * i + 2)));
    expect(seen).toMatchObject({
      Host: `localhost:${port}`,
      'X-Forwarded-For': '10.1.2.3, 127.0.0.1',
      'X-Forwarded-Host': 'localhost:9',
      'X-Forwarded-Proto': 'http',
      'X-Forwarded-Prefix': below(port, ''),
    });
  });

  test('gets a body without a known length in pieces, as it comes', async () => {
    const { port } = await listenHttp((request, response) => request.pipe(response));
    const sent = openRequest(api.port, below(port), { method: 'POST' });
    sent.write('one');
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    const pieces: string[] = [];
    for await (const piece of response) {
      pieces.push(String(piece));
      if (pieces.length === 1) sent.end('two');
    }
    expect(pieces).toEqual(['one', 'two']);
  });

  test('answers with its status, headers and trailers, less what is of its connection', async () => {
    const { port } = await listenTcp((socket) => {
      socket.end(
        'HTTP/1.1 418 I am\r\nConnection: close, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=9\r\nX-A: 1\r\nX-A: 2\r\nTrailer: X-T\r\n' +
          'Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-T: t\r\n\r\n',
      );
    });
    const { status, headers, rawHeaders, trailers, body } = await sendRequest(api.port, below(port));
    expect([status, String(body), trailers]).toEqual([418, 'abc', { 'x-t': 't' }]);
    expect(rawHeaders.join('\n')).toContain('X-A\n1\nX-A\n2');
    expect(headers).not.toHaveProperty('x-hop');
    expect(headers['keep-alive'] ?? '').not.toContain('9');
  });

  test('sends and gets 20 MB of chance unchanged', async () => {
    const { port } = await listenHttp((request, response) => void pipeline(request, response));
    const bytes = randomBytes(20_000_000);
    const { body } = await sendRequest(api.port, below(port), { method: 'POST', body: bytes, headers: { 'content-length': bytes.length } });
    expect(body.equals(bytes)).toBe(true);
  });

  test('serves 100 clients at a time', async () => {
    const { port } = await echo();
    const calls = Array.from({ length: 100 }, (_, i) => sendRequest(api.port, below(port, `/${i}`)));
    const answers = await Promise.all(calls);
    expect(answers.map(({ body }) => JSON.parse(String(body)).url)).toEqual(Array.from({ length: 100 }, (_, i) => `/${i}`));
    await untilClosed();
  });

  test('that answers before it has read everything is heard', async () => {
    const { port } = await listenHttp((_request, response) => response.writeHead(403, { connection: 'close' }).end('no'));
    const sent = openRequest(api.port, below(port), { method: 'POST' });
    sent.write('and');
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    expect([response.statusCode, String(await readAll(response))]).toEqual([403, 'no']);
    sent.on('error', () => {}).destroy();
    await untilClosed();
  });

  test('takes a body that comes for longer than a minute', async () => {
    const { port } = await listenHttp((request, response) => request.pipe(response));
    const sent = openRequest(api.port, below(port), { method: 'POST' });
    sent.write('slow');
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    api.world.clock.advance(120_000);
    sent.end('ly');
    expect(String(await readAll(response))).toBe('slowly');
  });

  test('without a path has the client sent to the one below', async () => {
    const { status, headers } = await sendRequest(api.port, `${below(80, '')}?a=1?b`);
    expect([status, headers.location]).toEqual([308, '80/?a=1?b']);
  });

  test('that redirects to a path of its own is followed below its prefix', async () => {
    const { port } = await listenHttp((request, response) =>
      response.writeHead(302, { location: request.headers['x-to'] as string }).end(),
    );
    const to = async (location: string) => (await sendRequest(api.port, below(port), { headers: { 'x-to': location } })).headers.location;
    expect(await to('/login?a')).toBe(below(port, '/login?a'));
    expect(await to(below(port, '/login'))).toBe(below(port, '/login'));
    expect(await to('//other.example/')).toBe('//other.example/');
    expect(await to('https://other.example/')).toBe('https://other.example/');
    expect(await to('next')).toBe('next');
  });

  test('can do nothing to the origin of the API', async () => {
    const forbidden = [
      'Set-Cookie',
      'Clear-Site-Data',
      'Strict-Transport-Security',
      'Service-Worker-Allowed',
      'Alt-Svc',
      'NEL',
      'Report-To',
    ];
    const { port } = await listenHttp((request, response) => {
      for (const name of forbidden) response.setHeader(name, 'x');
      response.setHeader('Access-Control-Allow-Origin', '*').setHeader('Content-Security-Policy', "default-src 'self'");
      response.end(request.headers.cookie ?? 'no cookies');
    });
    const { headers, rawHeaders, body } = await sendRequest(api.port, below(port), { headers: { cookie: 'other=secret' } });
    expect(String(body)).toBe('no cookies');
    for (const name of [...forbidden, 'Access-Control-Allow-Origin']) expect(headers).not.toHaveProperty(name.toLowerCase());
    const policies = rawHeaders.filter((_, i) => rawHeaders[i - 1]?.toLowerCase() === 'content-security-policy' && i % 2 === 1);
    expect(policies).toEqual(["default-src 'self'", 'sandbox allow-scripts allow-forms allow-popups allow-modals allow-downloads']);
  });
});

describe('credentials', () => {
  beforeEach(() => begin({ apiKeys: [apiKey('sg_team', { namespace: 'default' }), apiKey('sg_other', { namespace: 'other' })] }));

  const seen = async (headers: Record<string, string>) => {
    const { port } = await echo();
    const { status, body } = await sendRequest(api.port, below(port), { headers });
    return [status, status === 200 ? JSON.parse(String(body)).headers.join('\n') : String(body)] as const;
  };

  test.each([{ authorization: 'Bearer sg_team' }, { authorization: 'bearer  sg_team' }, { 'x-api-key': 'sg_team' }])(
    'of ours do not reach the sandbox: %j',
    async (headers) => {
      const [status, text] = await seen(headers);
      expect(status).toBe(200);
      expect(text).not.toMatch(/sg_|authorization|x-api-key/i);
    },
  );

  test('of the program go on to it, beside ours', async () => {
    const [status, text] = await seen({ 'x-api-key': 'sg_team', authorization: 'Bearer of-the-program' });
    expect(status).toBe(200);
    expect(text).toContain('Bearer of-the-program');
    expect((await seen({ 'x-api-key': 'sg_team', authorization: 'Basic dTpw' }))[1]).toContain('Basic dTpw');
  });

  test('of ours do not reach it in a second place either', async () => {
    const [, text] = await seen({ 'x-api-key': 'sg_team', authorization: 'Bearer sg_other' });
    expect(text).not.toMatch(/sg_/);
  });

  test('are needed, and for this namespace', async () => {
    expect((await seen({}))[0]).toBe(401);
    expect((await seen({ authorization: 'Bearer of-the-program' }))[0]).toBe(401);
    expect((await seen({ 'x-api-key': 'sg_other' }))[0]).toBe(403);
    expect(link.connections).toHaveLength(0);
  });
});

describe('a port that', () => {
  test('nothing listens on is said to be unreachable', async () => {
    const { server, port } = await listenTcp(() => {});
    server.close();
    const { status, body } = await api.call('GET', below(port));
    expect(status).toBe(502);
    expect(body.error).toMatchObject({ reason: 'port_unreachable', message: expect.stringContaining('start a server'), details: { port } });
    await untilClosed();
  });

  test.each(['0', '65536', '99999', 'http', '-1', '1e3', '080'])('is no port is refused: %s', async (port) => {
    const { status, body } = await api.call('GET', below(0, '/').replace('/ports/0/', `/ports/${port}/`));
    expect([status, body.error.message]).toEqual([400, expect.stringContaining('port must be a port, 1 to 65535')]);
  });

  test('belongs to a sandbox that is paused or gone is refused', async () => {
    await api.call('POST', `sandboxes/${id}/pause?wait=paused`);
    expect((await api.call('GET', below(80))).body.error).toMatchObject({
      reason: 'sandbox_not_running',
      message: expect.stringContaining('resume'),
    });
    await api.call('DELETE', `sandboxes/${id}?wait=terminated`);
    expect((await api.call('GET', below(80))).status).toBe(409);
    id = `sb-${'0'.repeat(32)}`;
    expect((await api.call('GET', below(80))).status).toBe(404);
  });
});

describe('a hostile program that', () => {
  const head = 'HTTP/1.1 200 OK\r\n';
  test.each<[string, (socket: Socket) => void]>([
    ['answers with endless headers', (socket) => void endless(socket, `${head}X: `, 'x')],
    ['answers with endlessly many headers', (socket) => void endless(socket, head, 'a: b\r\n')],
    ['answers with an endless status line', (socket) => void endless(socket, 'HTTP/1.1 200 ', 'x')],
    ['speaks another language', (socket) => socket.end('SSH-2.0-OpenSSH\r\n')],
    ['says nothing', (socket) => socket.end()],
    ['breaks off', (socket) => socket.destroy()],
    ['answers with a header that splits', (socket) => socket.end(`${head}A: b\rSet-Cookie: c\r\n\r\n`)],
    ['answers with two lengths', (socket) => socket.end(`${head}Content-Length: 1\r\nContent-Length: 2\r\n\r\nab`)],
    ['changes to another protocol unasked', (socket) => socket.end('HTTP/1.1 101 Ok\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n')],
    ['answers with an impossible status', (socket) => socket.end('HTTP/1.1 099 No\r\nContent-Length: 0\r\n\r\n')],
  ])('%s is answered for with 502', async (_what, answer) => {
    const { port } = await listenTcp((socket) => void socket.once('data', () => answer(socket)));
    const { status, body } = await api.call('GET', below(port));
    expect([status, body.error.reason]).toEqual([502, 'port_unreachable']);
    await untilClosed();
  });

  test('breaks its answer off breaks it off for the client', async () => {
    const { port } = await listenTcp((socket) => void socket.once('data', () => socket.end(`${head}Content-Length: 9\r\n\r\nabc`)));
    await expect(sendRequest(api.port, below(port))).rejects.toThrow(/aborted|hang up/);
    await untilClosed();
  });

  test('answers without end to a client that does not read fills no memory', async () => {
    let sent = 0;
    const { port } = await listenTcp(
      (socket) => void socket.once('data', () => endless(socket, `${head}\r\n`, 'x', (bytes) => (sent += bytes))),
    );
    const client = await sendText(api.port, `GET ${below(port)} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    client.pause();
    await settled(() => sent);
    expect(sent).toBeLessThan(32 * 1024 * 1024);
    client.destroy();
    await untilClosed();
  });

  test('reads nothing of an endless body makes the client wait', async () => {
    const app: Socket[] = [];
    const { port } = await listenTcp((socket) => void app.push(socket.pause()));
    const client = await sendText(api.port, `POST ${below(port)} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n`);
    let written = 0;
    const chunk = Buffer.from(`10000\r\n${'x'.repeat(65_536)}\r\n`);
    const write = () => {
      while (!client.destroyed) {
        written += chunk.length;
        if (!client.write(chunk)) return;
      }
    };
    client.on('drain', write);
    write();
    await settled(() => written);
    expect(written).toBeLessThan(32 * 1024 * 1024);
    app[0]?.destroy();
    await untilClosed();
    client.destroy();
  });
});

describe('a client that goes', () => {
  test('while the program thinks has its connection to it closed', async () => {
    const asked = Promise.withResolvers<void>();
    const { port } = await listenHttp(() => asked.resolve());
    const sent = openRequest(api.port, below(port));
    sent.on('error', () => {}).end();
    await asked.promise;
    sent.destroy();
    await untilClosed();
  });

  test('in the middle of its body breaks off for the program too', async () => {
    const [asked, broken] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const { port } = await listenHttp((request) => {
      asked.resolve();
      request.resume().on('error', () => broken.resolve());
    });
    const sent = openRequest(api.port, below(port), { method: 'PUT', headers: { 'content-length': 100 } });
    sent.on('error', () => {}).write('some');
    await asked.promise;
    sent.destroy();
    await broken.promise;
    await untilClosed();
  });
});

test('a sandbox that goes in the middle of an answer breaks it off', async () => {
  const { port } = await listenHttp((_request, response) => response.write('part'));
  const sent = openRequest(api.port, below(port));
  sent.end();
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  await once(response, 'data');
  for (const connection of link.connections) connection.destroy();
  await expect(once(response.resume(), 'end')).rejects.toThrow('aborted');
});

describe('an upgrade', () => {
  const wsUrl = (port: number, path = '/') => `ws://127.0.0.1:${api.port}${below(port, path)}`;

  async function webSocketApp() {
    const app = await listenHttp((_request, response) => response.writeHead(426).end('upgrade!'));
    const server = new WebSocketServer({ server: app.server });
    const requests: IncomingMessage[] = [];
    server.on('connection', (socket, request) => {
      requests.push(request);
      socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
    });
    return { ...app, requests };
  }

  test('to a WebSocket goes through to the program', async () => {
    const { port, requests } = await webSocketApp();
    const socket = new WebSocket(wsUrl(port, '/chat?room=1'), ['chat', 'other']);
    await once(socket, 'open');
    expect(socket.protocol).toBe('chat');
    expect(requests[0]?.url).toBe('/chat?room=1');
    const bytes = randomBytes(3_000_000);
    socket.send(bytes);
    expect((await once(socket, 'message'))[0].equals(bytes)).toBe(true);
    socket.close(4321, 'done');
    expect((await once(socket, 'close'))[0]).toBe(4321);
    await untilClosed();
  });

  test('to any protocol carries bytes both ways, each to its end', async () => {
    const { port, server } = await listenHttp(() => {});
    server.on('upgrade', (_request, socket: Socket, head) => {
      socket.write('HTTP/1.1 101 Go\r\nConnection: upgrade\r\nUpgrade: echo\r\nX-A: 1\r\n\r\nhello ');
      socket.write(head);
      socket.pipe(socket);
    });
    const client = await sendText(
      api.port,
      `GET ${below(port)} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nearly `,
    );
    client.end('late');
    const text = String(await readAll(client));
    expect(text).toMatch(/^HTTP\/1.1 101 Switching Protocols\r\n/);
    expect(text).toContain('X-A: 1');
    expect(text.slice(-30)).toContain('\r\n\r\nhello early late');
    await untilClosed();
  });

  test('that the program refuses is answered with what it says', async () => {
    const { port } = await listenHttp((_request, response) => response.end());
    const socket = new WebSocket(wsUrl(port));
    socket.on('error', () => {});
    const [, response] = (await once(socket, 'unexpected-response')) as [unknown, IncomingMessage];
    expect(response.statusCode).toBe(200);
    socket.terminate();
    await untilClosed();
  });

  test('to HTTP/2 is not made: the request is answered as it is', async () => {
    const { port } = await echo();
    const headers = { connection: 'Upgrade, HTTP2-Settings', upgrade: 'h2c', 'http2-settings': 'AAMAAABkAAQAAP__' };
    const { status, body } = await sendRequest(api.port, below(port), { method: 'POST', headers, body: 'x' });
    expect(status).toBe(200);
    expect(String(body)).not.toMatch(/h2c|http2-settings/i);
  });

  test('with a key as a subprotocol is authenticated, and the key stays here', async () => {
    await begin({ apiKeys: [apiKey('sg_team', { namespace: 'default' })] });
    const { port, requests } = await webSocketApp();
    const key = `sandglass.bearer.${Buffer.from('sg_team').toString('base64url')}`;
    const socket = new WebSocket(wsUrl(port), ['chat', key]);
    await once(socket, 'open');
    expect(socket.protocol).toBe('chat');
    expect(requests[0]?.rawHeaders.join('\n')).not.toMatch(/sandglass.bearer|sg_/);
    socket.terminate();
    const plain = await sendRequest(api.port, below(port), { headers: { 'sec-websocket-protocol': key } });
    expect(plain.status).toBe(401);
  });

  test('ends when the server closes, and when the sandbox goes', async () => {
    const { port } = await webSocketApp();
    const [one, two] = [new WebSocket(wsUrl(port)), new WebSocket(wsUrl(port))];
    await Promise.all([once(one, 'open'), once(two, 'open')]);
    const closed = Promise.all([once(one, 'close'), once(two, 'close')]);
    link.connections[0]?.destroy();
    await Promise.race([once(one, 'close'), once(two, 'close')]);
    const closing = api.close();
    await vi.waitFor(() => {
      api.world.clock.advance(5000);
      expect([one.readyState, two.readyState]).toEqual([WebSocket.CLOSED, WebSocket.CLOSED]);
    });
    await Promise.all([closed, closing]);
  });
});

describe('while the server closes', () => {
  test('an answer that has begun comes to its end', async () => {
    const finish = Promise.withResolvers<void>();
    const { port } = await listenHttp(async (_request, response) => {
      response.write('begun, ');
      await finish.promise;
      response.end('ended');
    });
    const sent = openRequest(api.port, below(port));
    sent.end();
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    const closing = api.close();
    finish.resolve();
    expect(String(await readAll(response))).toBe('begun, ended');
    await closing;
  });

  test('a request that has no answer yet is told so', async () => {
    const asked = Promise.withResolvers<void>();
    const { port } = await listenHttp(() => asked.resolve());
    const answer = sendRequest(api.port, below(port));
    await asked.promise;
    const closing = api.close();
    const { status, body } = await answer;
    expect([status, JSON.parse(String(body)).error.reason]).toEqual([503, 'shutting_down']);
    await closing;
  });
});

describe('by host name', () => {
  beforeEach(() => begin({ sandboxDomain: 'Sandbox.Example' }));
  const hostOf = (port: number) => `${port}-${id}.sandbox.example`;

  test('the whole path is the program’s, that of the API too', async () => {
    const { port } = await echo();
    for (const path of ['/', '/health', '/v1/namespaces/default/sandboxes', '/docs/', '/%ff?x', '//x']) {
      const { status, body } = await sendRequest(api.port, path, { headers: { host: `${hostOf(port)}:8900` } });
      expect([status, JSON.parse(String(body)).url]).toEqual([200, path]);
    }
    const { body } = await sendRequest(api.port, '/x', { method: 'PROPPATCH', headers: { host: hostOf(port).toUpperCase() } });
    expect(JSON.parse(String(body))).toMatchObject({ method: 'PROPPATCH', url: '/x' });
  });

  test('cookies and policies are between the browser and the program', async () => {
    const { port } = await listenHttp((request, response) => response.setHeader('Set-Cookie', 'a=1').end(request.headers.cookie));
    const { headers, body } = await sendRequest(api.port, '/', { headers: { host: hostOf(port), cookie: 'b=2' } });
    expect([headers['set-cookie'], headers['content-security-policy'], String(body)]).toEqual([['a=1'], undefined, 'b=2']);
  });

  test('an upgrade goes through', async () => {
    const { port, server } = await listenHttp(() => {});
    new WebSocketServer({ server }).on('connection', (socket) => socket.on('message', (data) => socket.send(data)));
    const socket = new WebSocket(`ws://127.0.0.1:${api.port}/ws`, { headers: { host: hostOf(port) } });
    await once(socket, 'open');
    socket.send('hello');
    expect(String((await once(socket, 'message'))[0])).toBe('hello');
    socket.terminate();
    await untilClosed();
  });

  test('what is no such name leads to the API, or nowhere', async () => {
    const { port } = await echo();
    const { body } = await sendRequest(api.port, '/health', { headers: { host: 'localhost' } });
    expect(JSON.parse(String(body))).toEqual({ status: 'ok' });
    for (const host of ['x.sandbox.example', `${port}-sb-1.sandbox.example`, `${hostOf(port)}.evil.example`, `a.${hostOf(port)}`]) {
      expect([host, (await sendRequest(api.port, '/', { headers: { host } })).status]).toEqual([host, 403]);
    }
    for (const host of [`0-${id}.sandbox.example`, `65536-${id}.sandbox.example`]) {
      expect((await sendRequest(api.port, '/', { headers: { host } })).status).toBe(400);
    }
    expect((await sendRequest(api.port, '/@port-host')).status).toBe(404);
  });

  test('the namespace is that of the key, or the one that X-Namespace names', async () => {
    await begin({
      sandboxDomain: 'sandbox.example',
      apiKeys: [
        apiKey('sg_team', { namespace: 'default' }),
        apiKey('sg_other', { namespace: 'other' }),
        apiKey('sg_admin', { admin: true }),
      ],
    });
    const { port } = await echo();
    const statusOf = async (headers: Record<string, string>) =>
      (await sendRequest(api.port, '/', { headers: { host: hostOf(port), ...headers } })).status;
    expect(await statusOf({})).toBe(401);
    expect(await statusOf({ 'x-api-key': 'sg_team' })).toBe(200);
    expect(await statusOf({ 'x-api-key': 'sg_other' })).toBe(404);
    expect(await statusOf({ 'x-api-key': 'sg_team', 'x-namespace': 'other' })).toBe(403);
    expect(await statusOf({ 'x-api-key': 'sg_admin' })).toBe(200);
    expect(await statusOf({ 'x-api-key': 'sg_admin', 'x-namespace': 'other' })).toBe(404);
  });

  test('a page of another origin can’t reach the program on a server without keys', async () => {
    const { port } = await echo();
    const host = hostOf(port);
    const statusOf = async (origin: string) => (await sendRequest(api.port, '/', { method: 'POST', headers: { host, origin } })).status;
    expect(await statusOf('https://evil.example')).toBe(403);
    expect(await statusOf(`http://${host}`)).toBe(200);
  });
});

/** Writes `begin`, then `more` for ever, as fast as the other side reads. */
async function endless(socket: Socket, begin: string, more: string, onWritten: (bytes: number) => void = () => {}): Promise<void> {
  socket.write(begin);
  const chunk = more.repeat(Math.ceil(65_536 / more.length));
  while (!socket.destroyed) {
    if (socket.write(chunk)) await new Promise((resolve) => setImmediate(resolve));
    else await Promise.race([once(socket, 'drain'), once(socket, 'close')]).catch(() => {});
    onWritten(chunk.length);
  }
}
