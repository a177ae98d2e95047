import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { WebSocket as NodeWebSocket } from 'ws';
import { Sandglass, type SandglassOptions, type WebSocketClass } from '../../sdk/src/index.ts';
import { apiFile, apiSandbox, SANDBOX_ID } from '../support/api-objects.ts';
import { FakeApi, type Route } from '../support/fake-api.ts';
import { printEvents } from '../support/printed.ts';

const SANDBOX = `/v1/namespaces/default/sandboxes/${SANDBOX_ID}`;
const PROCESSES = `${SANDBOX}/processes`;
const FILES = `${SANDBOX}/files`;

let api: FakeApi;
beforeEach(async () => {
  api = await FakeApi.start();
});
afterEach(() => api.close());

const client = (options: SandglassOptions = {}) => new Sandglass({ url: api.url, retry: { baseMs: 1, maxMs: 1000 }, ...options });
const answer =
  (status: number, body: unknown): Route =>
  (_request, reply) =>
    reply.json(status, body);
const done: Route = (_request, reply) => reply.bytes(204, new Uint8Array());
const busy: Route = (_request, reply) => reply.error(503, 'unavailable', 'shutting_down', 'going down');
const collected = <T>(items: AsyncIterable<T>): Promise<T[]> => Array.fromAsync(items);
const text = (bytes: string) => new TextEncoder().encode(bytes);

/** As many chunks as are asked for; `taken` says how many that were. */
function countedStream(chunk: Uint8Array, chunks = Number.POSITIVE_INFINITY) {
  const stream = {
    taken: 0,
    cancelled: false,
    body: new ReadableStream<Uint8Array>({
      pull(controller) {
        if (stream.taken === chunks) controller.close();
        else {
          stream.taken += 1;
          controller.enqueue(chunk);
        }
      },
      cancel() {
        stream.cancelled = true;
      },
    }),
  };
  return stream;
}

describe('processes', () => {
  test('list, start, signal and resize go to their routes', async () => {
    const started = { pid: 7, cmd: 'make', args: ['-j4'] };
    api.on(`GET ${PROCESSES}`, busy, answer(200, { processes: [started] }));
    api.on(`POST ${PROCESSES}`, answer(201, started));
    api.on(`POST ${PROCESSES}/7/signal`, done);
    api.on(`POST ${PROCESSES}/7/resize`, done);
    const { processes } = client();
    expect(await processes.list(SANDBOX_ID)).toEqual([started]);
    expect(await processes.start(SANDBOX_ID, { cmd: 'make', args: ['-j4'], tag: 'build' })).toEqual(started);
    await processes.signal(SANDBOX_ID, 7, 'SIGTERM');
    await processes.resize(SANDBOX_ID, 7, { cols: 80, rows: 24 });
    expect(api.requests.slice(2).map(({ body }) => body)).toEqual([
      { cmd: 'make', args: ['-j4'], tag: 'build' },
      { signal: 'SIGTERM' },
      { cols: 80, rows: 24 },
    ]);
  });

  test.each<[string, (sandglass: Sandglass) => Promise<unknown>]>([
    ['start', ({ processes }) => processes.start(SANDBOX_ID, { shell: 'make' })],
    ['write', ({ processes }) => processes.write(SANDBOX_ID, 7, 'input')],
    ['signal', ({ processes }) => processes.signal(SANDBOX_ID, 7, 'SIGHUP')],
    ['run', ({ processes }) => collected(processes.run(SANDBOX_ID, { shell: 'make' }))],
    ['write a stream', ({ files }) => files.write(SANDBOX_ID, 'f', countedStream(text('x'), 1).body)],
  ])('%s is never repeated: it could be done twice', async (_what, call) => {
    for (const route of [`POST ${PROCESSES}`, `POST ${PROCESSES}/7/stdin`, `POST ${PROCESSES}/7/signal`, `PUT ${FILES}`])
      api.on(route, busy);
    await expect(call(client())).rejects.toMatchObject({ reason: 'shutting_down' });
    expect(api.requests).toHaveLength(1);
  });

  test('run yields every byte as it was printed', async () => {
    const bytes = randomBytes(100_000);
    api.on(`POST ${PROCESSES}`, (_request, reply) => void printEvents(reply, 7, [{ stdout: bytes }, { stderr: 'é' }, { exit: 2 }]));
    expect(await collected(client().processes.run(SANDBOX_ID, { shell: 'make' }))).toEqual([
      { start: { pid: 7 } },
      { stdout: new Uint8Array(bytes) },
      { stderr: text('é') },
      { exit: { exit_code: 2 } },
    ]);
  });

  test('run goes on where the connection broke off, and tells what is the same only once', async () => {
    api.on(`POST ${PROCESSES}`, (_request, reply) => printEvents(reply, 7, [{ stdout: 'ab' }, { stderr: 'c' }]).hangUp());
    api.on(
      `GET ${PROCESSES}/7/output`,
      busy,
      (_request, reply) => printEvents(reply, 7, [{ stdout: 'd' }]).hangUp(),
      (_request, reply) => void printEvents(reply, 7, [{ exit: 0 }]),
    );
    const events = await collected(client().processes.run(SANDBOX_ID, { shell: 'make' }));
    expect(events).toEqual([
      { start: { pid: 7 } },
      { stdout: text('ab') },
      { stderr: text('c') },
      { stdout: text('d') },
      { exit: { exit_code: 0 } },
    ]);
    expect(api.requestsOf(`GET ${PROCESSES}/7/output`).map(({ query }) => query.get('from'))).toEqual(['3', '3', '4']);
  });

  test('a process that is gone after the connection broke off is told', async () => {
    api.on(`POST ${PROCESSES}`, (_request, reply) => printEvents(reply, 7, [{ stdout: 'ab' }]).hangUp());
    api.on(`GET ${PROCESSES}/7/output`, (_request, reply) => reply.error(404, 'not_found', 'process_not_found', 'no process 7'));
    await expect(collected(client().processes.run(SANDBOX_ID, { shell: 'make' }))).rejects.toMatchObject({ reason: 'process_not_found' });
  });

  test('attach begins with what is kept, and goes on from there', async () => {
    api.on(
      `GET ${PROCESSES}/7/output`,
      (_request, reply) => {
        const stream = printEvents(reply, 7, []);
        stream.event('stdout', { data: 'YWI=', offset: 1000 });
        stream.hangUp();
      },
      (_request, reply) => void printEvents(reply, 7, [{ exit: 0 }]),
    );
    const events = await collected(client().processes.attach(SANDBOX_ID, 7, { from: 0 }));
    expect(events).toEqual([{ start: { pid: 7 } }, { stdout: text('ab') }, { exit: { exit_code: 0 } }]);
    expect(api.requests.map(({ query }) => query.get('from'))).toEqual(['0', '1002']);
  });

  test('attach without a place to go on from tells that the connection broke', async () => {
    api.on(`GET ${PROCESSES}/7/output`, (_request, reply) => printEvents(reply, 7, [{ stdout: 'ab' }]).hangUp());
    await expect(collected(client().processes.attach(SANDBOX_ID, 7))).rejects.toMatchObject({ reason: 'stream_ended' });
    expect(api.requests).toHaveLength(1);
    expect(api.requests[0]?.query.toString()).toBe('encoding=base64');
  });

  test('leaving the loop closes the connection, and sends no signal', async () => {
    const closed = Promise.withResolvers<void>();
    api.on(`POST ${PROCESSES}`, (_request, reply) => void printEvents(reply, 7, []).closed.then(closed.resolve));
    for await (const _event of client().processes.run(SANDBOX_ID, { shell: 'yes' })) break;
    await closed.promise;
    expect(api.requests).toHaveLength(1);
  });

  test('a stream of input is sent to its end, then closed', async () => {
    api.on(`POST ${PROCESSES}/7/stdin`, done);
    await client().processes.write(SANDBOX_ID, 7, countedStream(text('ab'), 3).body, { close: true });
    await client().processes.closeStdin(SANDBOX_ID, 7);
    expect(api.requests.map(({ query, bytes }) => [query.toString(), String(bytes)])).toEqual([
      ['close=true', 'ababab'],
      ['close=true', ''],
    ]);
  });
});

describe('files', () => {
  test.each<[string, () => string | Uint8Array | Blob | ReadableStream<Uint8Array>]>([
    ['text', () => 'ü\n'],
    ['bytes', () => text('ü\n')],
    ['a blob', () => new Blob(['ü\n'])],
    ['a stream', () => new Blob(['ü\n']).stream()],
  ])('write sends %s', async (_what, content) => {
    api.on(`PUT ${FILES}`, answer(200, apiFile()));
    expect(await client().files.write(SANDBOX_ID, '/a b\n', content(), { user: 'app', mode: 0o600 })).toEqual(apiFile());
    const [request] = api.requests;
    expect(String(request?.bytes)).toBe('ü\n');
    expect(request?.headers['content-type']).toBe('application/octet-stream');
    expect(Object.fromEntries(request?.query ?? [])).toEqual({ path: '/a b\n', user: 'app', mode: '0600' });
  });

  test('write is repeated when what is written can be sent again', async () => {
    api.on(`PUT ${FILES}`, busy, answer(200, apiFile()));
    await client().files.write(SANDBOX_ID, 'f', 'text');
    expect(api.requests.map(({ bytes }) => String(bytes))).toEqual(['text', 'text']);
  });

  test('read brings every byte, or those of a range', async () => {
    const content = randomBytes(300_000);
    api.on(`GET ${FILES}`, ({ headers }, reply) => {
      const [, from, to] = /^bytes=(\d+)-(\d*)$/.exec(headers.range ?? '') ?? [];
      if (from === undefined) reply.bytes(200, content);
      else reply.bytes(206, content.subarray(Number(from), to ? Number(to) + 1 : undefined));
    });
    const { files } = client();
    expect(Buffer.from(await files.read(SANDBOX_ID, 'f')).equals(content)).toBe(true);
    expect(Buffer.from(await files.read(SANDBOX_ID, 'f', { offset: 5, length: 10 }))).toEqual(content.subarray(5, 15));
    expect(Buffer.from(await files.read(SANDBOX_ID, 'f', { offset: 299_990 }))).toEqual(content.subarray(299_990));
    expect(Buffer.concat(await collected(await files.readStream(SANDBOX_ID, 'f'))).equals(content)).toBe(true);
    expect(api.requests[0]?.headers['accept-encoding']).toBe('identity');
    await expect(files.read(SANDBOX_ID, 'f', { length: 0 })).rejects.toMatchObject({ reason: 'invalid_options' });
  });

  test('a range that something on the way has dropped is told', async () => {
    api.on(`GET ${FILES}`, (_request, reply) => reply.bytes(200, text('all of it')));
    await expect(client().files.read(SANDBOX_ID, 'f', { offset: 5 })).rejects.toMatchObject({ reason: 'unexpected_answer' });
  });

  test('an empty file is empty', async () => {
    api.on(`GET ${FILES}`, (_request, reply) => reply.bytes(200, new Uint8Array()));
    expect(await client().files.readText(SANDBOX_ID, 'f')).toBe('');
    expect(await collected(await client().files.readStream(SANDBOX_ID, 'f'))).toEqual([]);
  });

  test('a file that breaks off is told as such, by a SandglassError', async () => {
    api.on(`GET ${FILES}`, (_request, reply) => reply.brokenOff(Buffer.from('half')));
    await expect(client().files.read(SANDBOX_ID, 'f')).rejects.toMatchObject({ reason: 'stream_ended' });
    await expect(collected(await client().files.readStream(SANDBOX_ID, 'f'))).rejects.toMatchObject({ reason: 'stream_ended' });
  });

  test('the others go to their routes', async () => {
    api.on(`GET ${FILES}/stat`, answer(200, apiFile()));
    api.on(`GET ${FILES}/list`, answer(200, { entries: [apiFile()] }));
    api.on(`POST ${FILES}/mkdir`, answer(201, apiFile()));
    api.on(`POST ${FILES}/move`, answer(200, apiFile()));
    api.on(`DELETE ${FILES}`, done);
    api.on(`PUT ${FILES}/archive`, done);
    api.on(`GET ${FILES}/archive`, (_request, reply) => reply.bytes(200, text('tar')));
    const { files } = client();
    await files.stat(SANDBOX_ID, 'a', { user: 'app' });
    expect(await files.list(SANDBOX_ID, 'a', { depth: 2 })).toEqual([apiFile()]);
    await files.mkdir(SANDBOX_ID, 'a', { user: 'app' });
    await files.move(SANDBOX_ID, 'a', 'b');
    await files.remove(SANDBOX_ID, 'a', { recursive: true });
    await files.writeArchive(SANDBOX_ID, 'a', text('tar'));
    expect(await collected(await files.readArchive(SANDBOX_ID, 'a'))).toEqual([text('tar')]);
    expect(api.requests.map(({ query, body }) => body ?? query.toString())).toEqual([
      'path=a&user=app',
      'path=a&depth=2',
      { path: 'a', user: 'app' },
      { source: 'a', destination: 'b' },
      'path=a&recursive=true',
      'path=a',
      'path=a',
    ]);
  });

  test('watch yields changes in order, after saying from when on', async () => {
    api.on(`GET ${FILES}/watch`, (_request, reply) => {
      const stream = reply.stream();
      stream.event('start', {});
      stream.event('create', { path: 'a b\n' });
      stream.event('something_new', {});
      stream.event('rename', { path: 'c' });
      stream.event('error', { error: { code: 'not_found', reason: 'file_not_found', message: 'gone' } });
    });
    const seen: unknown[] = [];
    const watch = async () => {
      for await (const event of client().files.watch(SANDBOX_ID, '/srv', { recursive: true })) seen.push(event);
    };
    await expect(watch()).rejects.toMatchObject({ reason: 'file_not_found' });
    expect(seen).toEqual([{ type: 'start' }, { type: 'create', path: 'a b\n' }, { type: 'rename', path: 'c' }]);
  });

  test('an upload ends when it is aborted, and takes no more of its stream', async () => {
    const controller = new AbortController();
    const source = countedStream(new Uint8Array(1000));
    const upload = client().files.write(SANDBOX_ID, 'f', source.body, { signal: controller.signal });
    controller.abort(new Error('enough'));
    await expect(upload).rejects.toThrow('enough');
    expect(source.taken).toBeLessThan(1000);
  });
});

describe('sandboxes', () => {
  test('setTimeout, resume, metrics and logs', async () => {
    const line = { at: 1, stream: 'stdout', message: 'hello' };
    api.on(`POST ${SANDBOX}/timeout`, busy, answer(200, apiSandbox()));
    api.on(`POST ${SANDBOX}/resume`, answer(202, apiSandbox()));
    api.on(`GET ${SANDBOX}/metrics`, answer(200, { at: 1 }));
    api.on(`GET ${SANDBOX}/logs`, answer(200, { logs: [line] }), (_request, reply) => {
      const stream = reply.stream();
      stream.event('log', line);
      stream.event('end', {});
    });
    const { sandboxes } = client();
    await sandboxes.setTimeout(SANDBOX_ID, 60);
    await sandboxes.resume(SANDBOX_ID, { timeoutSecs: 0 });
    expect(await sandboxes.metrics(SANDBOX_ID)).toEqual({ at: 1 });
    expect(await collected(sandboxes.logs(SANDBOX_ID, { tail: 1, since: 5 }))).toEqual([line]);
    expect(await collected(sandboxes.logs(SANDBOX_ID, { follow: true }))).toEqual([line]);
    const sent = api.requests.map(({ query, body }) => body ?? query.toString());
    expect(sent).toEqual([{ timeout_secs: 60 }, { timeout_secs: 60 }, { timeout_secs: 0 }, '', 'tail=1&since=5', 'follow=true']);
  });
});

const IMPLEMENTATIONS: [string, WebSocketClass | undefined][] = [
  ['the WebSocket of the platform', undefined],
  ['that of the package ws', NodeWebSocket as unknown as WebSocketClass],
];

describe.each(IMPLEMENTATIONS)('with %s', (_name, webSocket) => {
  test('a terminal passes bytes both ways, and tells the exit code', async () => {
    const typed: string[] = [];
    api.onSocket(`${SANDBOX}/terminal`, (socket) => {
      socket.send('{"type":"start","pid":7}');
      socket.on('message', (message, isBinary) => {
        typed.push(`${isBinary ? 'typed' : 'told'} ${message}`);
        if (typed.length < 3) return;
        socket.send(Buffer.from([0, 255, 10]));
        socket.send('{"type":"something_new"}');
        socket.send('{"type":"exit","exit_code":3}');
      });
    });
    const terminal = await client({ webSocket, apiKey: 'sg_key' }).terminals.open(SANDBOX_ID, {
      cols: 80,
      rows: 24,
      cmd: 'sh',
      args: ['-c', 'ls'],
    });
    expect(terminal.pid).toBe(7);
    await terminal.write('ü');
    await terminal.write(new Uint8Array([3]));
    await terminal.resize({ cols: 1, rows: 2 });
    expect(await collected(terminal.output())).toEqual([new Uint8Array([0, 255, 10])]);
    expect(terminal.exitCode).toBe(3);
    expect(typed).toEqual(['typed ü', 'typed \u0003', 'told {"type":"resize","cols":1,"rows":2}']);
    expect(api.requests[0]?.query.toString()).toBe('cols=80&rows=24&cmd=sh&arg=-c&arg=ls');
    const offered = api.requests[0]?.headers['sec-websocket-protocol']?.split(/, */);
    expect(offered).toEqual(['sandglass.terminal.v1', `sandglass.bearer.${Buffer.from('sg_key').toString('base64url')}`]);
  });

  test('aborting closes a terminal', async () => {
    const closed = Promise.withResolvers<void>();
    api.onSocket(`${SANDBOX}/terminal`, (socket) => {
      socket.send('{"type":"start","pid":7}');
      socket.on('close', () => closed.resolve());
    });
    const controller = new AbortController();
    const terminal = await client({ webSocket }).terminals.open(SANDBOX_ID, { cols: 80, rows: 24 }, { signal: controller.signal });
    const output = collected(terminal.output());
    controller.abort(new Error('enough'));
    await expect(output).rejects.toThrow('enough');
    await closed.promise;
  });

  test('a connection to a port carries every byte both ways, and half-closes', async () => {
    const content = randomBytes(2_000_000);
    const received: Buffer[] = [];
    api.onSocket(`${SANDBOX}/tcp/5432`, (socket) => {
      socket.on('message', (message: Buffer, isBinary) => {
        if (isBinary) received.push(message);
        else {
          for (const chunk of received) socket.send(chunk);
          socket.send('{"type":"end"}');
        }
      });
    });
    const { readable, writable } = await client({ webSocket }).ports.connect(SANDBOX_ID, 5432);
    const writer = writable.getWriter();
    void writer.write(new Uint8Array(content)).then(() => writer.close());
    expect(Buffer.concat(await collected(readable)).equals(content)).toBe(true);
  });

  test('a connection that breaks is told, after what came before', async () => {
    api.onSocket(`${SANDBOX}/tcp/80`, (socket) => void socket.send(Buffer.from('half'), () => socket.terminate()));
    const { readable } = await client({ webSocket }).ports.connect(SANDBOX_ID, 80);
    const reader = readable.getReader();
    expect(Buffer.from((await reader.read()).value ?? []).toString()).toBe('half');
    await expect(reader.read()).rejects.toMatchObject({ reason: 'stream_ended' });
  });

  test.each<[string, Route, object]>([
    ['not running', answer(200, apiSandbox({ status: 'paused' })), { reason: 'sandbox_not_running' }],
    ['not there', (_request, reply) => reply.error(404, 'not_found', 'sandbox_not_found', 'no'), { reason: 'sandbox_not_found' }],
    ['running', answer(200, apiSandbox()), { reason: 'unreachable' }],
  ])('a refused WebSocket is explained: the sandbox is %s', async (_what, route, error) => {
    api.on(`GET ${SANDBOX}`, route);
    await expect(client({ webSocket }).ports.connect(SANDBOX_ID, 80)).rejects.toMatchObject(error);
  });
});

test('without a WebSocket everything else works, and the error says what to do', async () => {
  const original = globalThis.WebSocket;
  Reflect.deleteProperty(globalThis, 'WebSocket');
  try {
    api.on(`GET ${FILES}/stat`, answer(200, apiFile()));
    await client().files.stat(SANDBOX_ID, 'f');
    const opening = client().terminals.open(SANDBOX_ID, { cols: 80, rows: 24 });
    await expect(opening).rejects.toMatchObject({ reason: 'websocket_unavailable', message: expect.stringContaining('Node 22') });
  } finally {
    globalThis.WebSocket = original;
  }
});

test('the URL of a port carries no key', () => {
  expect(client({ apiKey: 'sg_key' }).ports.url(SANDBOX_ID, 8080)).toBe(`${api.url}${SANDBOX}/ports/8080/`);
});
