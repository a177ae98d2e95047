import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { WebSocket } from 'ws';
import { apiSandbox, SANDBOX_ID } from '../support/api-objects.ts';
import { FakeApi } from '../support/fake-api.ts';
import { runAtTerminal, settingsIn } from '../support/run-at-terminal.ts';
import { runCli } from '../support/run-cli.ts';

const SANDBOX = `/v1/namespaces/default/sandboxes/${SANDBOX_ID}`;
const TERMINAL = `${SANDBOX}/terminal`;

let api: FakeApi;
beforeEach(async () => {
  api = await FakeApi.start();
});
afterEach(() => api.close());

const shell = (...args: string[]) => runAtTerminal(['shell', SANDBOX_ID, ...args], { SANDGLASS_URL: api.url });

/** A terminal that has begun; `received` collects what is typed, `sizes` what it is told of its size. */
function begun(socket: WebSocket) {
  const told = { received: '', sizes: [] as unknown[] };
  socket.on('message', (message, isBinary) => {
    if (isBinary) told.received += String(message);
    else told.sizes.push(JSON.parse(String(message)));
  });
  socket.send('{"type":"start","pid":7}');
  return told;
}

const exit = (socket: WebSocket, exit_code: number) => socket.send(JSON.stringify({ type: 'exit', exit_code }), () => socket.close(1000));

describe('shell', () => {
  test('passes every key on, Ctrl-C and Ctrl-D too, ends as the shell does, and leaves the terminal as it was', async () => {
    api.onSocket(TERMINAL, (socket) => {
      const told = begun(socket);
      socket.send(Buffer.from('$ '));
      socket.on('message', (_message, isBinary) => {
        if (isBinary && told.received.endsWith('\u0004')) {
          socket.send(Buffer.from(`got ${JSON.stringify(told.received)}\r\n`));
          exit(socket, 7);
        }
      });
    });
    const terminal = shell('--user', 'app', '--cwd', '/srv', '--', 'bash', '-l');
    await terminal.shows(/\$ $/);
    terminal.type('ls ü\r');
    terminal.type('\u0003\u001a\u001c\u0004');
    const { code, printed } = await terminal.ended;
    expect(code).toBe(7);
    expect(printed).toContain(`got ${JSON.stringify('ls ü\r\u0003\u001a\u001c\u0004')}`);
    const { before, after } = settingsIn(printed);
    expect(after).toBe(before);
    expect(api.requests[0]?.query.toString()).toBe('cmd=bash&user=app&cwd=%2Fsrv&cols=100&rows=30&arg=-l');
  });

  test('tells the other end when the terminal changes its size', async () => {
    api.onSocket(TERMINAL, (socket) => {
      const told = begun(socket);
      socket.send(Buffer.from('ready'));
      socket.on('message', () => {
        const size = told.sizes.at(-1) as { cols: number; rows: number } | undefined;
        if (size?.cols !== 120) return;
        socket.send(Buffer.from(`now ${size.cols}x${size.rows}`), () => exit(socket, 0));
      });
    });
    const terminal = shell();
    await terminal.shows(/ready/);
    terminal.resize(120, 40);
    expect((await terminal.ended).printed).toContain('now 120x40');
  });

  test('prints every byte as it came', async () => {
    api.onSocket(TERMINAL, (socket) => {
      begun(socket);
      const text = Buffer.from('\u001b[31mré\u001b[0m down\n\n and\r\nback');
      for (const byte of text) socket.send(Buffer.from([byte]));
      exit(socket, 0);
    });
    expect((await shell().ended).printed).toContain('\u001b[31mré\u001b[0m down\n\n and\r\nback');
  });

  test('puts the terminal back when the connection breaks, out of the alternate screen too', async () => {
    api.onSocket(TERMINAL, (socket) => {
      begun(socket);
      socket.send(Buffer.from('\u001b[?1049h\u001b[?25l editing'), () => socket.terminate());
    });
    const { code, printed } = await shell().ended;
    expect(code).toBe(1);
    expect(printed.lastIndexOf('\u001b[?1049l')).toBeGreaterThan(printed.lastIndexOf('\u001b[?1049h'));
    expect(printed.lastIndexOf('\u001b[?25h')).toBeGreaterThan(printed.lastIndexOf('\u001b[?25l'));
    expect(printed).toMatch(/error: the connection to the sandbox was closed/);
    const { before, after } = settingsIn(printed);
    expect(after).toBe(before);
  });

  test('offers the key as a subprotocol, never in the URL', async () => {
    api.onSocket(TERMINAL, (socket) => {
      begun(socket);
      exit(socket, 0);
    });
    await runAtTerminal(['shell', SANDBOX_ID], { SANDGLASS_URL: api.url, SANDGLASS_API_KEY: 'sg_secret+/' }).ended;
    const [request] = api.requests;
    const key = Buffer.from('sg_secret+/').toString('base64url');
    expect(request?.headers['sec-websocket-protocol']?.split(/, */)).toEqual(['sandglass.terminal.v1', `sandglass.bearer.${key}`]);
    expect(String(request?.query)).not.toContain('secret');
  });

  test.each([
    [
      'a command that is not there',
      () => api.onSocket(TERMINAL, (socket) => socket.send('{"type":"error","reason":"command_not_found","message":"no program"}')),
      /error: no program/,
      1,
    ],
    [
      'a sandbox that is paused',
      () => api.on(`GET ${SANDBOX}`, (_request, reply) => reply.json(200, apiSandbox({ status: 'paused' }))),
      /is not running, it is paused/,
      1,
    ],
    [
      'a sandbox that is not there',
      () => api.on(`GET ${SANDBOX}`, (_request, reply) => reply.error(404, 'not_found', 'sandbox_not_found', 'no sandbox')),
      /error: no sandbox/,
      3,
    ],
  ])('tells of %s', async (_what, prepare, message, exitCode) => {
    prepare();
    const { code, printed } = await shell().ended;
    expect(code).toBe(exitCode);
    expect(printed).toMatch(message);
  });

  test('without a terminal it is wrong usage, and says what to use instead', async () => {
    const { code, stderr } = await runCli(['shell', SANDBOX_ID], { env: { SANDGLASS_URL: api.url } });
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringMatching(/^error: .*\nhint: .*`sandglass exec`/) });
    expect(api.requests).toEqual([]);
  });
});

describe('exec --tty', () => {
  test('runs a command with the terminal and the environment that it is given', async () => {
    api.on(`POST ${SANDBOX}/processes`, (_request, reply) => reply.json(201, { pid: 7, cmd: 'top', args: [] }));
    api.onSocket(TERMINAL, (socket) => {
      begun(socket);
      socket.send(Buffer.from('output'));
      exit(socket, 3);
    });
    const { code, printed } = await runAtTerminal(['exec', '-t', '-e', 'A=1', SANDBOX_ID, 'top'], { SANDGLASS_URL: api.url }).ended;
    expect(code).toBe(3);
    expect(printed).toContain('output');
    expect(api.requests[0]?.body).toEqual({
      cmd: 'top',
      args: [],
      env: { TERM: 'xterm', A: '1' },
      stdin: true,
      pty: { cols: 100, rows: 30 },
    });
    expect(api.requests[1]?.query.get('pid')).toBe('7');
  });
});
