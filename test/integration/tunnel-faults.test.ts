import { once } from 'node:events';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { newId } from '../../src/main/new-id.ts';
import type { ExecutorId, SandboxId } from '../../src/model/ids.ts';
import type { LogLine } from '../../src/model/telemetry.ts';
import { GrpcWorld, type TestExecutor, until } from '../support/grpc-world.ts';
import { Http2Streams } from '../support/http2-streams.ts';
import { fillUp, hungUp, readAll, ScriptedGuest } from '../support/scripted-guest.ts';

const HEALTHY = new AbortController().signal;
const RECONNECT = { baseMs: 100, maxMs: 100 };
const LOST = { reason: 'executor_unavailable' };

const uncaught: unknown[] = [];
const onUncaught = (error: unknown) => uncaught.push(error);
beforeAll(() => void process.on('uncaughtException', onUncaught).on('unhandledRejection', onUncaught));
afterAll(() => {
  process.off('uncaughtException', onUncaught).off('unhandledRejection', onUncaught);
  expect(uncaught).toEqual([]);
});

let streams: Http2Streams;
let world: GrpcWorld;
let guest: ScriptedGuest;
beforeEach(async () => {
  streams = new Http2Streams();
  world = await GrpcWorld.start({ heartbeatIntervalMs: 400 }); // not so short that a busy machine looks like a dead link
  guest = await ScriptedGuest.start();
});
afterEach(async () => {
  await world.close();
  await guest.close();
  streams.stop();
});

async function executorWithSandbox(): Promise<TestExecutor & { sandboxId: SandboxId }> {
  const created = await world.connectedExecutor({ fake: { guest: guest.connect }, reconnect: RECONNECT });
  return { ...created, sandboxId: await world.startSandbox(created.executorId) };
}

async function roundTrip({ executorId, sandboxId }: { executorId: ExecutorId; sandboxId: SandboxId }): Promise<void> {
  const number = guest.connections.length + 1;
  const ours = await world.server.link.connectGuest(executorId, sandboxId, HEALTHY);
  const theirs = await guest.accepted(number);
  ours.end('ping');
  expect(String(await readAll(theirs))).toBe('ping');
  theirs.end('pong');
  expect(String(await readAll(ours))).toBe('pong');
}

/** Nothing is open but the session, which has a stream on each side. */
async function untilIdle(): Promise<void> {
  await until(() => guest.open === 0 && streams.open === 2);
}

test('a tunnel that has ended leaves nothing open, however it ended', async () => {
  const it = await executorWithSandbox();
  const connect = (signal = HEALTHY) => world.server.link.connectGuest(it.executorId, it.sandboxId, signal);
  for (let n = 0; n < 5; n += 1) {
    await roundTrip(it);
    (await connect()).destroy();
    (await connect()).destroy(new Error('enough'));
    const broken = await connect();
    await fillUp(broken, () => world.server.link.metrics(it.executorId, it.sandboxId, HEALTHY));
    (await guest.accepted(guest.connections.length)).destroy();
    await once(broken, 'error').catch(() => {});
    const abort = new AbortController();
    const connecting = connect(abort.signal);
    abort.abort();
    await expect(connecting).rejects.toThrow();
    const lines = world.server.link.logs(it.executorId, { sandboxId: it.sandboxId, follow: true }, HEALTHY)[Symbol.asyncIterator]();
    it.driver.engine.print(it.sandboxId, 'a line');
    await lines.next();
    await lines.return?.();
    await world.server.link.metrics(it.executorId, it.sandboxId, HEALTHY);
    await expect(world.server.link.metrics(it.executorId, newId('sandbox'), HEALTHY)).rejects.toThrow();
  }
  await untilIdle();
  expect(world.connectionsOf(it.executorId)).toBe(1);
});

describe('when the link', () => {
  test.each([
    ['is cut', () => world.proxy.cut()],
    ['swallows everything', () => world.proxy.blackHole()],
  ] as const)('%s, tunnels end on both sides, and new ones work', async (_name, breakLink) => {
    const it = await executorWithSandbox();
    const { link } = world.server;
    for (let round = 1; round <= 3; round += 1) {
      const number = guest.connections.length + 1;
      const idle = await link.connectGuest(it.executorId, it.sandboxId, HEALTHY);
      const busy = await link.connectGuest(it.executorId, it.sandboxId, HEALTHY);
      const [atIdle, atBusy] = [await guest.accepted(number), await guest.accepted(number + 1)];
      await fillUp(busy, () => link.metrics(it.executorId, it.sandboxId, HEALTHY));
      await fillUp(atBusy, () => link.metrics(it.executorId, it.sandboxId, HEALTHY));
      const lines = collect(link.logs(it.executorId, { sandboxId: it.sandboxId, follow: true }, HEALTHY));
      const hold = it.driver.faults.hold('metrics.read');
      const measuring = link.metrics(it.executorId, it.sandboxId, HEALTHY);
      await hold.reached;

      const errors = [idle, busy].map((stream) => once(stream, 'error').catch((error: unknown) => [error]));
      const ends = [lines, measuring].map((promise) => promise.catch((error: unknown) => error));
      breakLink();
      for (const [error] of await Promise.all(errors)) expect(error).toMatchObject(LOST);
      for (const error of await Promise.all(ends)) expect(error).toMatchObject(LOST);
      await Promise.all([hungUp(atIdle), hungUp(atBusy)]);
      hold.release();

      await expect(link.metrics(it.executorId, it.sandboxId, HEALTHY)).rejects.toMatchObject(LOST);
      world.proxy.forward();
      await until(() => world.connectionsOf(it.executorId) === round + 1);
      await roundTrip(it);
      await untilIdle();
    }
  });
});

test('when the executor starts anew, tunnels end on both sides, and new ones work', async () => {
  const it = await executorWithSandbox();
  const ours = await world.server.link.connectGuest(it.executorId, it.sandboxId, HEALTHY);
  const theirs = await guest.accepted(1);
  const failed = once(ours, 'error').catch((error: unknown) => [error]);
  await it.executor.close();
  expect((await failed)[0]).toMatchObject(LOST);
  await hungUp(theirs);
  await world.connectedExecutor({ executorId: it.executorId, driver: it.driver });
  await roundTrip(it);
  await untilIdle();
});

describe('a large transfer', () => {
  const LEAST_BYTES = 100 * 1024 * 1024;

  /** Has the guest send for ever, and reads it until `stop` is called. */
  async function endlessTransfer(it: { executorId: ExecutorId; sandboxId: SandboxId }) {
    const number = guest.connections.length + 1;
    const ours = await world.server.link.connectGuest(it.executorId, it.sandboxId, HEALTHY);
    const theirs = await guest.accepted(number);
    const chunk = Buffer.alloc(65_536);
    const transfer = { bytes: 0, stop: () => ours.destroy() };
    ours.on('data', ({ length }: Buffer) => (transfer.bytes += length));
    const send = () => {
      while (!theirs.destroyed && theirs.write(chunk));
    };
    theirs.on('drain', send);
    send();
    return transfer;
  }

  test('holds up neither small requests nor the session', async () => {
    const it = await executorWithSandbox();
    const small = await world.server.link.connectGuest(it.executorId, it.sandboxId, HEALTHY);
    const atSmall = await guest.accepted(1);
    atSmall.pipe(atSmall);
    const transfer = await endlessTransfer(it);
    const bytesDuring = async (work: () => Promise<unknown>): Promise<number> => {
      const before = transfer.bytes;
      await work();
      return transfer.bytes - before;
    };
    const overtaken: number[] = [];
    while (transfer.bytes < LEAST_BYTES || overtaken.length < 100) {
      overtaken.push(
        await bytesDuring(async () => {
          small.write('ping');
          await once(small, 'data');
        }),
        await bytesDuring(() => world.perform(it.executorId, { kind: 'resume_sandbox' }, { sandboxId: it.sandboxId })),
      );
    }
    transfer.stop();
    small.destroy();
    // Told in bytes of the transfer that pass meanwhile, which does not depend on how fast or busy the machine is.
    const median = overtaken.sort((a, b) => a - b)[Math.floor(overtaken.length / 2)];
    expect(median).toBeLessThan(1024 * 1024);
    await untilIdle();
  });

  test('that nobody reads holds up neither others nor the session, however many there are', async () => {
    const it = await executorWithSandbox();
    for (let n = 1; n <= 100; n += 1) {
      await world.server.link.connectGuest(it.executorId, it.sandboxId, HEALTHY);
      const theirs = await guest.accepted(n);
      for (let chunks = 0; chunks < 16; chunks += 1) theirs.write(new Uint8Array(65_536)); // more than any window, in all
    }
    for (let n = 0; n < 20; n += 1) {
      await roundTrip(it);
      await world.perform(it.executorId, { kind: 'resume_sandbox' }, { sandboxId: it.sandboxId });
    }
    expect(world.connectionsOf(it.executorId)).toBe(1);
  });
});

async function collect(lines: AsyncIterable<LogLine>): Promise<LogLine[]> {
  const read: LogLine[] = [];
  for await (const line of lines) read.push(line);
  return read;
}
