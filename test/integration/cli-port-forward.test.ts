import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, connect as connectTcp, createServer, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { apiSandbox, SANDBOX_ID } from '../support/api-objects.ts';
import { FakeApi } from '../support/fake-api.ts';
import { runCli } from '../support/run-cli.ts';

const SANDBOX = `/v1/namespaces/default/sandboxes/${SANDBOX_ID}`;
const TCP = `${SANDBOX}/tcp/80`;

let api: FakeApi;
beforeEach(async () => {
  api = await FakeApi.start();
});
afterEach(() => api.close());

/** Runs `port-forward` while `use` runs, then interrupts it. `use` gets the local port of each forward. */
async function forwarding(forwards: readonly string[], use: (ports: readonly number[]) => Promise<void>) {
  const used = Promise.withResolvers<void>();
  const ended = runCli(['port-forward', SANDBOX_ID, ...forwards], {
    env: { SANDGLASS_URL: api.url },
    onStart: (child) => {
      let printed = '';
      let begun = false;
      child.stdout?.on('data', (chunk) => {
        printed += chunk;
        const ports = [...printed.matchAll(/^127\.0\.0\.1:(\d+) -> /gm)].map(([, port]) => Number(port));
        if (begun || ports.length < forwards.length) return;
        begun = true;
        void use(ports)
          .then(used.resolve, used.reject)
          .finally(() => child.kill('SIGINT'));
      });
      child.once('exit', () => used.reject(new Error('it ended')));
    },
  });
  await used.promise;
  return ended;
}

async function connect(port: number | undefined): Promise<Socket> {
  const socket = connectTcp({ port: port as number, host: '127.0.0.1', allowHalfOpen: true });
  await once(socket, 'connect');
  return socket;
}

const readAll = async (socket: Socket) => Buffer.concat(await socket.toArray());

describe('port-forward', () => {
  test('passes every byte in both directions, each to its own end', async () => {
    const request = randomBytes(3_000_000);
    const answer = randomBytes(3_000_000);
    const received: Buffer[] = [];
    api.onSocket(TCP, (socket) => {
      socket.on('message', (message: Buffer, isBinary) => {
        if (isBinary) received.push(message);
        else {
          // Answers only after the other side has said all that it has to say.
          expect(JSON.parse(String(message))).toEqual({ type: 'end' });
          for (let at = 0; at < answer.length; at += 50_000) socket.send(answer.subarray(at, at + 50_000));
          socket.send('{"type":"end"}');
        }
      });
    });
    const { code, stdout, stderr } = await forwarding(['0:80'], async ([port]) => {
      const socket = await connect(port);
      socket.end(request);
      expect((await readAll(socket)).equals(answer)).toBe(true);
      expect(Buffer.concat(received).equals(request)).toBe(true);
    });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(new RegExp(`^127\\.0\\.0\\.1:\\d+ -> ${SANDBOX_ID}:80\n$`));
    expect(api.requests[0]?.headers['sec-websocket-protocol']).toBe('sandglass.tcp.v1');
  });

  test('goes on when a connection fails, and tells why', async () => {
    api.on(`GET ${SANDBOX}`, (_request, reply) => reply.json(200, apiSandbox()));
    api.onSocket(TCP, (socket) => {
      socket.send(Buffer.from('hello'));
      socket.send('{"type":"end"}');
    });
    const { code, stderr } = await forwarding(['0:81', '0:80'], async ([broken, fine]) => {
      expect(await readAll(await connect(broken)).catch(() => 'reset')).toBeDefined();
      const socket = await connect(fine);
      socket.end();
      expect(String(await readAll(socket))).toBe('hello');
    });
    expect(code).toBe(0);
    expect(stderr).toMatch(/^error: a connection to port 81 failed: cannot open a WebSocket.*404/);
  });

  test('makes whoever sends wait as long as nobody reads', async () => {
    let sent = 0;
    let mayEnd = false;
    api.onSocket(TCP, async (socket) => {
      const chunk = Buffer.alloc(64 * 1024);
      while (socket.readyState === socket.OPEN && !mayEnd) {
        await new Promise((resolve) => socket.send(chunk, resolve));
        sent += chunk.length;
        await new Promise(setImmediate);
      }
    });
    await forwarding(['0:80'], async ([port]) => {
      const socket = await connect(port);
      socket.pause();
      // It stops to grow when all buffers on the way are full.
      let before = -1;
      for (let quiet = 0; quiet < 5; quiet = sent === before ? quiet + 1 : 0) {
        before = sent;
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
      expect(sent).toBeLessThan(40_000_000);
      mayEnd = true;
      socket.destroy();
    });
  });

  test('a port that is in use is named, with what to do', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const { code, stderr } = await runCli(['port-forward', SANDBOX_ID, `${port}:80`], { env: { SANDGLASS_URL: api.url } });
    server.close();
    expect(code).toBe(1);
    expect(stderr).toMatch(new RegExp(`^error: port ${port} of this machine is in use\nhint: .*0:80`));
  });

  test.each(['http', '0', '70000', '1:2:3', '80:'])('%j is no port', async (text) => {
    expect(await runCli(['port-forward', SANDBOX_ID, text])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('Write it as 8080'),
    });
  });
});
