import { connect as http2Connect } from 'node:http2';
import { connect } from 'node:net';
import { create, toBinary } from '@bufbuild/protobuf';
import { Code } from '@connectrpc/connect';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { newId } from '../../src/main/new-id.ts';
import { SessionRequestSchema } from '../../src/rpc/gen/sandglass/v1/executor_pb.js';
import { helloOf, RawExecutor } from '../support/grpc-raw-executor.ts';
import { GrpcWorld, HEARTBEAT_MS, JOIN_TOKEN, SPEC, until } from '../support/grpc-world.ts';
import { TLS_CERTIFICATE, TLS_KEY } from '../support/tls-certificate.ts';

let world: GrpcWorld;
const raws: RawExecutor[] = [];
beforeEach(async () => {
  world = await GrpcWorld.start();
});
afterEach(async () => {
  for (const raw of raws.splice(0)) raw.close();
  await world.close();
});

async function rawExecutor(): Promise<RawExecutor> {
  const raw = await RawExecutor.connect(world.url);
  raws.push(raw);
  return raw;
}

/** A session that the server has let in, and that says nothing more. */
async function welcomed(executorId = newId('executor')) {
  const raw = await rawExecutor();
  const session = raw.session(JOIN_TOKEN).send({ case: 'hello', value: helloOf(executorId) });
  await until(() => session.of('welcome').length === 1);
  return { raw, session, executorId };
}

describe('a session', () => {
  test('begins with what the executor says about itself, and the welcome', async () => {
    const { executorId } = await world.connectedExecutor();
    expect(world.gateway.calls).toEqual([
      {
        call: 'connected',
        executorId,
        info: {
          hostname: 'test-host',
          version: '0.0.0-test',
          labels: { zone: 'a' },
          capacity: { cpus: 64, memoryMb: 32_768, maxSandboxes: 200 },
          runtimes: ['fake'],
          engine: 'fake 1',
          limitsDisk: false,
        },
        inventory: { sandboxes: [], snapshots: [] },
      },
    ]);
    const { session } = await welcomed();
    expect(session.of('welcome')).toMatchObject([{ clusterId: 'cluster-test', heartbeatIntervalMs: HEARTBEAT_MS }]);
  });

  test('that the executor ends is reported, once', async () => {
    const { session, executorId } = await welcomed();
    session.end();
    expect(await session.ended).toBeUndefined();
    await until(() => world.gateway.of('disconnected').length === 1);
    expect(world.gateway.calls.map(({ call, executorId: id }) => [call, id])).toEqual([
      ['connected', executorId],
      ['disconnected', executorId],
    ]);
  });

  test('of a silent executor is ended after three heartbeats', async () => {
    const startedAt = Date.now();
    const { session } = await welcomed();
    expect(await session.ended).toBeInstanceOf(Error);
    const lastedMs = Date.now() - startedAt;
    expect(lastedMs).toBeGreaterThanOrEqual(3 * HEARTBEAT_MS - 20);
    expect(lastedMs).toBeLessThan(6 * HEARTBEAT_MS);
    await until(() => world.gateway.of('disconnected').length === 1);
  });

  test('of an executor that sends heartbeats goes on', async () => {
    const { executorId } = await world.connectedExecutor();
    await new Promise((resolve) => setTimeout(resolve, 5 * HEARTBEAT_MS));
    expect(world.gateway.calls.map(({ call }) => call)).toEqual(['connected']);
    await world.startSandbox(executorId);
  });

  test('ends with the server, which has told the control plane by then', async () => {
    const { session } = await welcomed();
    await world.server.close(500);
    expect(await session.ended).toMatchObject({ code: Code.Unavailable });
    expect(world.gateway.of('disconnected')).toHaveLength(1);
  });

  test('is refused when the control plane can not take the executor', async () => {
    world.gateway.beforeConnected = async () => {
      throw new Error('secret detail');
    };
    const raw = await rawExecutor();
    const session = raw.session(JOIN_TOKEN).send({ case: 'hello', value: helloOf(newId('executor')) });
    const error = await session.ended;
    expect(error).toMatchObject({ code: Code.Internal });
    expect(error?.message).not.toContain('secret detail');
  });
});

describe('two sessions of one executor', () => {
  test('the new one replaces the old one, and the end of the old one does not count', async () => {
    const old = await welcomed();
    const next = await welcomed(old.executorId);
    expect(await old.session.ended).toMatchObject({ code: Code.AlreadyExists });
    old.raw.close();
    const start = world.issue(old.executorId, { kind: 'start_sandbox', spec: SPEC, secretEnv: {} });
    await until(() => next.session.of('operation').length === 1);
    expect(next.session.of('operation')).toMatchObject([{ operationId: start.id }]);
    expect(old.session.of('operation')).toEqual([]);
    expect(world.gateway.calls.map(({ call }) => call)).toEqual(['connected', 'connected']);
    next.session.end();
    await until(() => world.gateway.of('disconnected').length === 1);
  });

  test('in close succession are taken in order, also while the control plane is slow', async () => {
    const executorId = newId('executor');
    const { promise: slow, resolve: release } = Promise.withResolvers<void>();
    world.gateway.beforeConnected = () => slow;
    const [first, second] = [await rawExecutor(), await rawExecutor()];
    const old = first.session(JOIN_TOKEN).send({ case: 'hello', value: helloOf(executorId) });
    await new Promise((resolve) => setTimeout(resolve, 20));
    const next = second.session(JOIN_TOKEN).send({ case: 'hello', value: helloOf(executorId) });
    await new Promise((resolve) => setTimeout(resolve, 20));
    release();
    expect(await old.ended).toMatchObject({ code: Code.AlreadyExists });
    await until(() => next.of('welcome').length === 1);
    expect(world.gateway.calls.map(({ call }) => call)).toEqual(['connected', 'connected']);
  });
});

describe('who is let in', () => {
  test.each([
    ['no token', undefined, /set executor.join_token/],
    ['a wrong token', 'guess-1234', /check executor.join_token/],
  ])('%s is not', async (_name, token, message) => {
    const raw = await rawExecutor();
    for (const call of [raw.session(token).send({ case: 'hello', value: helloOf(newId('executor')) }), raw.tunnel(token)]) {
      const error = await call.ended;
      expect(error).toMatchObject({ code: Code.Unauthenticated });
      expect(error?.message).toMatch(message);
    }
    expect(world.gateway.calls).toEqual([]);
  });

  test('nothing of a token is logged, and the executor says what to do', async () => {
    const { run } = world.newExecutor({ joinToken: 'guess-1234' });
    void run();
    await until(() => world.log.lines.some(({ level }) => level === 'warn'));
    const lines = world.log.lines.map(({ fields, message }) => `${message} ${Object.values(fields).map(String)}`).join('\n');
    expect(lines).toContain('check executor.join_token');
    expect(lines).not.toContain('guess-1234');
    expect(lines).not.toContain(JOIN_TOKEN);
  });

  test('without a configured hash, everybody', async () => {
    const open = await GrpcWorld.start({ joinTokenHash: undefined as never });
    const { executorId } = await open.connectedExecutor({ joinToken: 'whatever' });
    expect(open.connectionsOf(executorId)).toBe(1);
    await open.close();
  });
});

describe('over TLS', () => {
  const tls = { key: TLS_KEY, cert: TLS_CERTIFICATE };

  test('everything works the same, for those who trust the certificate', async () => {
    const secure = await GrpcWorld.start({ tls });
    const serverUrl = secure.url.replace('http:', 'https:');
    const { executorId } = await secure.connectedExecutor({ serverUrl, ca: TLS_CERTIFICATE });
    await secure.startSandbox(executorId);

    const doubtful = secure.newExecutor({ serverUrl });
    void doubtful.run();
    await until(() => secure.log.lines.some(({ fields }) => 'err' in fields && String(fields.err).includes('certificate')));
    expect(secure.connectionsOf(doubtful.executorId)).toBe(0);
    await secure.close();
  });

  test('a handshake that never ends does not keep the server from closing', async () => {
    const secure = await GrpcWorld.start({ tls });
    const socket = connect(secure.proxy.port, '127.0.0.1').resume();
    socket.on('error', () => {});
    await until(() => secure.proxy.connections === 1);
    await secure.close();
    socket.destroy();
  });
});

describe('a hostile executor', () => {
  test.each([
    ['a heartbeat before hello', { case: 'heartbeat', value: {} }],
    ['a malformed id', { case: 'hello', value: helloOf('exec-../../etc') }],
    ['no capacity', { case: 'hello', value: { ...helloOf(newId('executor')), capacity: undefined } }],
    ['negative memory', { case: 'hello', value: { ...helloOf(newId('executor')), capacity: { cpus: 1, memoryMb: -1n, maxSandboxes: 1 } } }],
    ['CPUs that are no number', { case: 'hello', value: { ...helloOf(newId('executor')), capacity: { cpus: Number.NaN, memoryMb: 1n } } }],
    ['an endless name', { case: 'hello', value: { ...helloOf(newId('executor')), hostname: 'h'.repeat(100_000) } }],
    ['control characters', { case: 'hello', value: { ...helloOf(newId('executor')), hostname: '\u001b[2J' } }],
    ['a bad sandbox id', { case: 'hello', value: { ...helloOf(newId('executor')), sandboxes: [{ sandboxId: 'sb-1', state: 1 }] } }],
    [
      'an unknown state',
      { case: 'hello', value: { ...helloOf(newId('executor')), sandboxes: [{ sandboxId: newId('sandbox'), state: 77 }] } },
    ],
  ] as const)('is turned away for %s', async (_name, message) => {
    const raw = await rawExecutor();
    const error = await raw.session(JOIN_TOKEN).send(message as never).ended;
    expect([Code.InvalidArgument, Code.NotFound]).toContain(error?.code);
    expect(world.gateway.calls).toEqual([]);
  });

  test('is turned away when it says nothing', async () => {
    const raw = await rawExecutor();
    expect(await raw.session(JOIN_TOKEN).ended).toMatchObject({ code: Code.DeadlineExceeded });
  });

  test('is turned away for a message that is too large', async () => {
    const raw = await rawExecutor();
    const value = { ...helloOf(newId('executor')), runtimes: ['x'.repeat(17 * 1024 * 1024)] };
    expect(toBinary(SessionRequestSchema, create(SessionRequestSchema, { message: { case: 'hello', value } })).length).toBeGreaterThan(
      2 ** 24,
    );
    expect(await raw.session(JOIN_TOKEN).send({ case: 'hello', value }).ended).toBeInstanceOf(Error);
    expect(world.gateway.calls).toEqual([]);
  });

  test.each([
    ['a second hello', { case: 'hello', value: helloOf(newId('executor')) }],
    ['a malformed operation id', { case: 'result', value: { operationId: 'op-1', attempt: 1, outcome: { case: 'done', value: {} } } }],
    ['attempt 0', { case: 'result', value: { operationId: newId('operation'), attempt: 0, outcome: { case: 'done', value: {} } } }],
    ['negative bytes', { case: 'progress', value: { operationId: newId('operation'), attempt: 1, phase: 'x', bytesDone: -1n } }],
    ['an end of nothing', { case: 'sandboxEnded', value: { sandboxId: '', exitCode: 0 } }],
    ['an empty message', { case: undefined }],
  ] as const)('loses its session for %s', async (_name, message) => {
    const { session } = await welcomed();
    session.send(message as never);
    expect([Code.InvalidArgument, Code.NotFound]).toContain((await session.ended)?.code);
    expect(world.gateway.of('result')).toEqual([]);
    await until(() => world.gateway.of('disconnected').length === 1);
  });

  test.each([
    ['no outcome', { case: undefined }],
    ['a negative size', { case: 'captured', value: { digest: `sha256:${'0'.repeat(64)}`, sizeBytes: -5n } }],
    ['a digest that is none', { case: 'captured', value: { digest: 'latest', sizeBytes: 5n } }],
  ] as const)('has a result with %s counted as a failure, and acknowledged', async (_name, outcome) => {
    const { session } = await welcomed();
    const ref = { operationId: newId('operation'), attempt: 1 };
    session.send({ case: 'result', value: { ...ref, outcome } as never });
    await until(() => session.of('acknowledgeResult').length === 1);
    expect(world.gateway.of('result')).toMatchObject([{ ref, result: { outcome: 'failed', failure: { reason: 'invalid_request' } } }]);
  });

  test.each([
    ['an authority that makes no URL', { ':authority': 'host:99999' }],
    ['no authority', { ':authority': '' }],
    ['another content type', { 'content-type': 'text/plain' }],
    ['a timeout that is none', { 'content-type': 'application/grpc', 'grpc-timeout': 'soon' }],
    ['an unknown call', { ':path': '/sandglass.v1.ExecutorService/Nosuch' }],
    ['another method', { ':method': 'GET' }],
  ])('can not crash the server with %s', async (_name, headers) => {
    const client = http2Connect(world.url);
    client.on('error', () => {});
    const stream = client.request({ ':method': 'POST', ':path': '/sandglass.v1.ExecutorService/Session', ...headers });
    stream.on('error', () => {});
    stream.end();
    stream.resume();
    await new Promise((resolve) => stream.once('close', resolve));
    client.destroy();
    await world.connectedExecutor();
  });

  test('can not crash the server with bytes that mean nothing', async () => {
    const socket = connect(world.proxy.port, '127.0.0.1').resume();
    socket.on('error', () => {});
    socket.write(Buffer.alloc(4096, 0xff));
    await new Promise((resolve) => socket.once('close', resolve));
    await world.connectedExecutor();
  });
});

describe('reports', () => {
  test('are acknowledged once they are stored, also late and unknown ones', async () => {
    const { session } = await welcomed();
    const ref = { operationId: newId('operation'), attempt: 3 };
    session.send({ case: 'result', value: { ...ref, outcome: { case: 'done', value: {} } } as never });
    session.send({ case: 'result', value: { ...ref, outcome: { case: 'done', value: {} } } as never });
    await until(() => session.of('acknowledgeResult').length === 2);
    expect(session.of('acknowledgeResult')).toMatchObject([ref, ref]);
    expect(world.gateway.of('result')).toHaveLength(2);
  });

  test('that could not be stored are not acknowledged, and harm nothing', async () => {
    const { session } = await welcomed();
    world.gateway.beforeResult = async () => {
      throw new Error('the disk is full');
    };
    session.send({ case: 'result', value: { operationId: newId('operation'), attempt: 1, outcome: { case: 'done', value: {} } } as never });
    await until(() => world.log.lines.some(({ message }) => message === 'a result was not stored'));
    session.send({ case: 'heartbeat', value: {} });
    await until(() => session.of('heartbeat').length > 0);
    expect(session.of('acknowledgeResult')).toEqual([]);
  });

  test('of an end wait for the results that came before it', async () => {
    const { session } = await welcomed();
    const { promise: slow, resolve: release } = Promise.withResolvers<void>();
    world.gateway.beforeResult = () => slow;
    session.send({ case: 'result', value: { operationId: newId('operation'), attempt: 1, outcome: { case: 'done', value: {} } } as never });
    session.send({ case: 'sandboxEnded', value: { sandboxId: newId('sandbox'), exitCode: 1, oomKilled: false } as never });
    session.send({ case: 'heartbeat', value: {} });
    await until(() => session.of('heartbeat').length > 0);
    expect(world.gateway.of('ended')).toEqual([]);
    release();
    await until(() => world.gateway.of('ended').length === 1);
    expect(world.gateway.calls.map(({ call }) => call)).toEqual(['connected', 'result', 'ended']);
  });
});
