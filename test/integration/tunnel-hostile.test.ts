import { once } from 'node:events';
import { Code } from '@connectrpc/connect';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { newId } from '../../src/main/new-id.ts';
import type { LogLine } from '../../src/model/telemetry.ts';
import { helloOf, RawExecutor } from '../support/grpc-raw-executor.ts';
import { RawServer } from '../support/grpc-raw-server.ts';
import { GrpcWorld, HEARTBEAT_MS, JOIN_TOKEN, SPEC, type TestExecutor, until } from '../support/grpc-world.ts';
import { hungUp, readAll, ScriptedGuest } from '../support/scripted-guest.ts';

const HEALTHY = new AbortController().signal;
const LOST = { reason: 'executor_unavailable' };

let world: GrpcWorld;
const raws: RawExecutor[] = [];
beforeEach(async () => {
  world = await GrpcWorld.start({ heartbeatIntervalMs: 1_000 }); // not so short that a busy machine looks like a dead link
});
afterEach(async () => {
  for (const raw of raws.splice(0)) raw.close();
  await world.close();
});

describe('an executor that', () => {
  const connect = (executorId: TestExecutor['executorId']) => world.server.link.connectGuest(executorId, newId('sandbox'), HEALTHY);

  test('is not connected is said to be unavailable', async () => {
    const { link } = world.server;
    await expect(connect(newId('executor'))).rejects.toMatchObject(LOST);
    await expect(link.metrics(newId('executor'), newId('sandbox'), HEALTHY)).rejects.toMatchObject(LOST);
    await expect(collect(link.logs(newId('executor'), { sandboxId: newId('sandbox'), follow: false }, HEALTHY))).rejects.toMatchObject(
      LOST,
    );
  });

  test('does not open the tunnel in time is said to be unavailable', async () => {
    const { executorId, session } = await rawExecutor();
    await expect(connect(executorId)).rejects.toMatchObject(LOST);
    expect(session.over).toBe(false);
  });

  test('opens the tunnel and says nothing is said to be unavailable, and the tunnel is closed', async () => {
    const { executorId, answer } = await rawExecutor();
    const connecting = connect(executorId).catch((error: unknown) => error);
    const call = await answer([]);
    expect(await connecting).toMatchObject(LOST);
    expect(await call.ended).toMatchObject({ code: Code.Canceled });
  });

  test.each([
    ['breaks off at once', [], true, 'executor_unavailable'],
    ['says a reason that is none', [{ case: 'failure', value: { reason: 'rm -rf', message: 'x' } }], false, 'internal'],
    ['names the tunnel twice', [{ case: 'tunnelId', value: 'x' }], false, 'invalid_request'],
    ['sends an empty message', [{ case: undefined }], false, 'invalid_request'],
    ['answers with bytes before there is a connection', [{ case: 'chunk', value: new Uint8Array(1) }], false, 'invalid_request'],
    ['answers what was not asked', [{ case: 'metrics', value: {} }], false, 'invalid_request'],
    ['sends a piece that is too large', [{ case: 'chunk', value: new Uint8Array(200_000) }], false, 'executor_unavailable'],
  ] as const)('%s instead of connecting loses that tunnel only', async (_name, messages, ends, reason) => {
    const { executorId, answer, session } = await rawExecutor();
    const connecting = connect(executorId).catch((error: unknown) => error);
    const call = await answer(messages);
    if (ends) call.end();
    expect(await connecting).toMatchObject({ reason });
    expect(session.over).toBe(false);
  });

  test.each([
    ['breaks off', [], true, 'executor_unavailable'],
    ['opens again', [{ case: 'opened', value: {} }], false, 'invalid_request'],
    ['sends a line of a log', [{ case: 'logLine', value: { line: new Uint8Array(1), stream: 1 } }], false, 'invalid_request'],
    ['sends a piece that is too large', [{ case: 'chunk', value: new Uint8Array(66_000) }], false, 'invalid_request'],
    ['sends a message that is too large', [{ case: 'chunk', value: new Uint8Array(200_000) }], false, 'executor_unavailable'],
    ['tells of a failure', [{ case: 'failure', value: { reason: 'guest_unavailable', message: 'gone' } }], false, 'guest_unavailable'],
  ] as const)('%s in an open connection loses that tunnel only', async (_name, messages, ends, reason) => {
    const { executorId, answer, session } = await rawExecutor();
    const connecting = connect(executorId);
    const call = await answer([{ case: 'opened', value: {} }]);
    const failed = once(await connecting, 'error').catch((error: unknown) => [error]);
    for (const message of messages) call.send(message as never);
    if (ends) call.end();
    expect((await failed)[0]).toMatchObject({ reason });
    expect(session.over).toBe(false);
  });

  test.each([
    ['a line that is too long', { case: 'logLine', value: { line: new Uint8Array(66_000), stream: 1 } }],
    ['a line of no stream', { case: 'logLine', value: { line: new Uint8Array(1), stream: 77 } }],
    ['a line from before time', { case: 'logLine', value: { atMs: -1n, stream: 1 } }],
    ['bytes', { case: 'chunk', value: new Uint8Array(1) }],
  ] as const)('sends %s for a log is not believed', async (_name, message) => {
    const { executorId, answer, session } = await rawExecutor();
    const lines = collect(world.server.link.logs(executorId, { sandboxId: newId('sandbox'), follow: true }, HEALTHY)).catch(
      (error: unknown) => error,
    );
    await answer([message]);
    expect(await lines).toMatchObject({ reason: 'invalid_request' });
    expect(session.over).toBe(false);
  });

  test.each([
    ['CPUs that are no number', { cpus: Number.NaN }],
    ['negative memory', { memoryUsedBytes: -1n }],
  ])('measures %s is not believed', async (_name, metrics) => {
    const { executorId, answer, session } = await rawExecutor();
    const measuring = world.server.link.metrics(executorId, newId('sandbox'), HEALTHY).catch((error: unknown) => error);
    await answer([{ case: 'metrics', value: metrics }]);
    expect(await measuring).toMatchObject({ reason: 'invalid_request' });
    expect(session.over).toBe(false);
  });

  test('opens a tunnel that nobody waits for, or one a second time, is turned away', async () => {
    const { raw, executorId, answer } = await rawExecutor();
    const madeUp = raw.tunnel(JOIN_TOKEN).send({ case: 'tunnelId', value: 'made-up' });
    expect(await madeUp.ended).toMatchObject({ code: Code.NotFound });
    const connecting = connect(executorId);
    const call = await answer([{ case: 'opened', value: {} }]);
    const again = raw.tunnel(JOIN_TOKEN).send({ case: 'tunnelId', value: call.tunnelId });
    expect(await again.ended).toMatchObject({ code: Code.NotFound });
    (await connecting).destroy();
    expect(await call.ended).toMatchObject({ code: Code.Canceled });
  });

  test('brings no join token opens no tunnel', async () => {
    const { raw } = await rawExecutor();
    expect(await raw.tunnel('guess').ended).toMatchObject({ code: Code.Unauthenticated });
  });

  test('ends both ways ends the call', async () => {
    const { executorId, answer } = await rawExecutor();
    const connecting = connect(executorId);
    const call = await answer([
      { case: 'opened', value: {} },
      { case: 'chunk', value: Buffer.from('bye') },
      { case: 'end', value: {} },
    ]);
    const ours = await connecting;
    ours.end('good bye');
    expect(String(await readAll(ours))).toBe('bye');
    await until(() => call.of('end').length === 1);
    expect(call.of('chunk').map(String)).toEqual([String(new Uint8Array(Buffer.from('good bye')))]);
    call.end();
    expect(await call.ended).toBeUndefined();
  });
});

describe('a server that', () => {
  let server: RawServer;
  let guest: ScriptedGuest;
  let it: TestExecutor;
  beforeEach(async () => {
    server = await RawServer.start();
    guest = await ScriptedGuest.start();
    it = world.newExecutor({ serverUrl: server.url, maxTunnels: 2, fake: { guest: guest.connect } });
    void it.run();
    await server.welcome();
  });
  afterEach(async () => {
    await it.executor.close();
    await server.close();
    await guest.close();
  });

  const running = async () => {
    const sandboxId = newId('sandbox');
    const request = { sandboxId, clusterId: 'c', namespace: 'default', spec: SPEC, secretEnv: {} } as never;
    await it.driver.startSandbox(request, () => {}, HEALTHY);
    return sandboxId;
  };
  /** The session goes on: the executor still answers in it. */
  const expectAlive = async () => {
    const number = server.tunnels.length + 1;
    server.say({
      case: 'openTunnel',
      value: { tunnelId: `t-${number}`, target: { case: 'metrics', value: { sandboxId: newId('sandbox') } } },
    });
    const call = await server.tunnel(number);
    await until(() => call.of('failure').length === 1);
    expect(server.sessions).toHaveLength(1);
    expect(server.sessions[0]?.ended).toBe(false);
  };

  test.each([
    ['no target', { case: undefined }],
    ['a malformed sandbox id', { case: 'guest', value: { sandboxId: '../../etc' } }],
    ['a negative tail', { case: 'logs', value: { sandboxId: newId('sandbox'), tail: -1n } }],
  ] as const)('asks for a tunnel with %s is told so', async (_name, target) => {
    server.say({ case: 'openTunnel', value: { tunnelId: 't', target: target as never } });
    const call = await server.tunnel(1);
    await until(() => call.of('failure').length === 1);
    expect((call.of('failure')[0] as { reason: string }).reason).toMatch(/invalid_request|sandbox_not_found/);
    call.answers.end();
    await expectAlive();
  });

  test('names a tunnel in no sensible way gets no answer', async () => {
    for (const tunnelId of ['', 'x'.repeat(1000), 'a\nb']) {
      server.say({ case: 'openTunnel', value: { tunnelId, target: { case: 'guest', value: { sandboxId: newId('sandbox') } } } });
    }
    await expectAlive();
  });

  test('asks for more tunnels than it may have is told so, and then not answered any more', async () => {
    const sandboxId = await running();
    for (let n = 1; n <= 10; n += 1) {
      server.say({ case: 'openTunnel', value: { tunnelId: `t-${n}`, target: { case: 'guest', value: { sandboxId } } } });
    }
    await until(() => server.tunnels.flatMap((call) => [...call.of('opened'), ...call.of('failure')]).length === 4);
    expect(server.tunnels.flatMap((call) => call.of('failure'))).toMatchObject([
      { reason: 'too_many_requests' },
      { reason: 'too_many_requests' },
    ]);
    for (const call of server.tunnels) call.answers.end();
    await until(() => guest.open === 0);
    expect(server.tunnels).toHaveLength(4);
    await expectAlive();
  });

  test.each([
    ['an empty message', { case: undefined }, 'invalid_request'],
    ['a piece that is too large', { case: 'chunk', value: new Uint8Array(66_000) }, 'invalid_request'],
  ] as const)('sends %s loses that tunnel only', async (_name, message, reason) => {
    const sandboxId = await running();
    server.say({ case: 'openTunnel', value: { tunnelId: 't', target: { case: 'guest', value: { sandboxId } } } });
    const call = await server.tunnel(1);
    await until(() => call.of('opened').length === 1);
    call.answer(message as never);
    await until(() => call.of('failure').length === 1);
    expect(call.of('failure')).toMatchObject([{ reason }]);
    await hungUp(await guest.accepted(1));
    call.answers.end();
    await expectAlive();
  });

  test.each([
    ['ends the call', (call: Awaited<ReturnType<RawServer['tunnel']>>) => call.answers.end()],
    [
      'sends what no message may be',
      (call: Awaited<ReturnType<RawServer['tunnel']>>) => call.answer({ case: 'chunk', value: new Uint8Array(200_000) }),
    ],
    ['fails', (call: Awaited<ReturnType<RawServer['tunnel']>>) => call.answers.fail(new Error('oops'))],
  ] as const)('%s has the guest hung up on', async (_name, act) => {
    const sandboxId = await running();
    server.say({ case: 'openTunnel', value: { tunnelId: 't', target: { case: 'guest', value: { sandboxId } } } });
    const call = await server.tunnel(1);
    await until(() => call.of('opened').length === 1);
    act(call);
    await hungUp(await guest.accepted(1));
    await until(() => guest.open === 0);
    await expectAlive();
  });
});

async function collect(lines: AsyncIterable<LogLine>): Promise<LogLine[]> {
  const read: LogLine[] = [];
  for await (const line of lines) read.push(line);
  return read;
}

/** An executor that says what a test makes it say, and its heartbeats. */
async function rawExecutor() {
  const executorId = newId('executor');
  const raw = await RawExecutor.connect(world.url);
  raws.push(raw);
  const call = raw.session(JOIN_TOKEN).send({ case: 'hello', value: helloOf(executorId) });
  await until(() => call.of('welcome').length === 1);
  const beat = setInterval(() => call.send({ case: 'heartbeat', value: {} }), HEARTBEAT_MS);
  const session = { over: false };
  void call.ended.then(() => {
    session.over = true;
    clearInterval(beat);
  });
  /** Opens the tunnel that is asked for, and says `messages` in it. */
  const answer = async (messages: readonly object[]) => {
    await until(() => call.of('openTunnel').length > 0);
    const { tunnelId } = call.of('openTunnel').at(-1) as { tunnelId: string };
    const tunnel = raw.tunnel(JOIN_TOKEN).send({ case: 'tunnelId', value: tunnelId });
    for (const message of messages) tunnel.send(message as never);
    return Object.assign(tunnel, { tunnelId });
  };
  return { raw, session, executorId, answer };
}
