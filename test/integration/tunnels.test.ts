import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { FakeDriver } from '../../src/driver/fake-driver.ts';
import { newId } from '../../src/main/new-id.ts';
import { SandglassError } from '../../src/model/errors.ts';
import type { SandboxId } from '../../src/model/ids.ts';
import type { LogLine, LogsRequest } from '../../src/model/telemetry.ts';
import { SandboxLinks } from '../../src/server/links.ts';
import { GrpcWorld, type TestExecutor, until } from '../support/grpc-world.ts';
import { fillUp, hungUp, readAll, ScriptedGuest } from '../support/scripted-guest.ts';

const LIMIT = 4;
const MIB = 1024 * 1024;
const HEALTHY = new AbortController().signal;
const LINES: LogLine[] = [
  { at: 1_700_000_000_000, stream: 'stdout', bytes: Buffer.from('one') },
  { at: 1_700_000_000_001, stream: 'stderr', bytes: Buffer.from([0xff, 0x00, 0xfe]) },
  { at: 1_700_000_000_002, stream: 'stdout', bytes: Buffer.alloc(0) },
];

/** Sandboxes print for ever when they are followed with `endless` set. */
class LoggingDriver extends FakeDriver {
  readonly requests: LogsRequest[] = [];
  endless = false;
  yielded = 0;
  ended = 0;

  override async *logs(request: LogsRequest, signal: AbortSignal): AsyncIterable<LogLine> {
    this.requests.push(request);
    try {
      yield* super.logs(request, signal);
      while (this.endless && !signal.aborted) {
        this.yielded += 1;
        yield { at: 1, stream: 'stdout', bytes: Buffer.alloc(60_000, 'l') };
      }
    } finally {
      this.ended += 1;
    }
  }
}

describe.each(['over the connection of the executor', 'the short way'])('%s', (way) => {
  let world: GrpcWorld;
  let it: TestExecutor;
  let driver: LoggingDriver;
  let guest: ScriptedGuest;
  let links: SandboxLinks;
  let sandboxId: SandboxId;
  beforeEach(async () => {
    world = await GrpcWorld.start({ maxTunnelsPerExecutor: LIMIT, heartbeatIntervalMs: 1_000 });
    guest = await ScriptedGuest.start();
    driver = new LoggingDriver({ guest: guest.connect });
    it = await world.connectedExecutor({ driver, maxTunnels: LIMIT });
    sandboxId = await world.startSandbox(it.executorId);
    links = new SandboxLinks(world.server.link);
    if (way === 'the short way') links.addLocal(it.executorId, it.executor.reach);
  });
  afterEach(async () => {
    await world.close();
    await guest.close();
  });

  const connect = (signal = HEALTHY, id = sandboxId) => links.connectGuest(it.executorId, id, signal);
  const logs = (over: Partial<LogsRequest> = {}, signal = HEALTHY) =>
    links.logs(it.executorId, { sandboxId, follow: false, ...over }, signal);
  const metrics = (signal = HEALTHY, id = sandboxId) => links.metrics(it.executorId, id, signal);
  const oneRoundTrip = () => metrics();

  async function connected(): Promise<{ ours: Duplex; theirs: Socket }> {
    const number = guest.connections.length + 1;
    return { ours: await connect(), theirs: await guest.accepted(number) };
  }

  /** As many connections as are allowed: none is left over from before. */
  async function expectIdle(): Promise<void> {
    await until(() => guest.open === 0);
    const connections: Duplex[] = [];
    for (let n = 0; n < LIMIT; n += 1) connections.push(await eventually(() => connect()));
    for (const connection of connections) connection.destroy();
    await until(() => guest.open === 0);
  }

  describe('a connection to a guest', () => {
    test('carries bytes both ways, in order', async () => {
      const { ours, theirs } = await connected();
      const [up, down] = [randomBytes(10 * MIB + 7), randomBytes(10 * MIB + 13)];
      const received = [readAll(theirs), readAll(ours)];
      for (let at = 0; at < up.length; at += 1_000_003) ours.write(up.subarray(at, at + 1_000_003));
      ours.end();
      theirs.end(down);
      const [atGuest, here] = await Promise.all(received);
      expect(atGuest?.equals(up)).toBe(true);
      expect(here?.equals(down)).toBe(true);
      await expectIdle();
    });

    test('brings small pieces at once', async () => {
      const { ours, theirs } = await connected();
      for (const text of ['a', 'b', 'c']) {
        ours.write(text);
        expect(String((await once(theirs, 'data'))[0])).toBe(text);
        theirs.write(text.toUpperCase());
        expect(String((await once(ours, 'data'))[0])).toBe(text.toUpperCase());
      }
      ours.destroy();
      await expectIdle();
    });

    test('goes on one way when the other has ended, whichever ends first', async () => {
      for (const first of ['ours', 'theirs'] as const) {
        const pair = await connected();
        const [ends, goesOn] = first === 'ours' ? [pair.ours, pair.theirs] : [pair.theirs, pair.ours];
        ends.end('last words');
        expect(String(await readAll(goesOn))).toBe('last words');
        const answer = randomBytes(3 * MIB);
        goesOn.end(answer);
        expect((await readAll(ends)).equals(answer)).toBe(true);
      }
      await expectIdle();
    });

    test('that we destroy is closed at the guest', async () => {
      const { ours, theirs } = await connected();
      ours.destroy();
      await hungUp(theirs);
      await expectIdle();
    });

    test('that the guest breaks breaks here, also when nobody reads', async () => {
      const { ours, theirs } = await connected();
      const broken = once(ours, 'error').catch((error: unknown) => [error]);
      await fillUp(ours, oneRoundTrip); // a socket that is closed with bytes unread is reset
      theirs.destroy();
      const [error] = await broken;
      expect(error).toMatchObject(way === 'the short way' ? { code: 'ECONNRESET' } : { reason: 'guest_unavailable' });
      await expectIdle();
    });

    test('outlives the signal that its opening was given', async () => {
      const abort = new AbortController();
      const ours = await connect(abort.signal);
      abort.abort();
      ours.write('still there');
      expect(String((await once(await guest.accepted(1), 'data'))[0])).toBe('still there');
      ours.destroy();
      await expectIdle();
    });

    test('makes a writer wait when the guest does not read, and goes on when it does', async () => {
      const { ours, theirs } = await connected();
      const written = await fillUp(ours, oneRoundTrip);
      expect(written).toBeLessThan(2 * MIB);
      ours.end();
      expect((await readAll(theirs)).length).toBe(written);
      theirs.end();
      ours.resume();
      await expectIdle();
    });

    test('makes the guest wait when nobody reads', async () => {
      const { ours, theirs } = await connected();
      const written = await fillUp(theirs, oneRoundTrip);
      expect(written).toBeLessThan(2 * MIB);
      theirs.end();
      ours.end();
      expect((await readAll(ours)).length).toBe(written);
      theirs.resume();
      await expectIdle();
    });

    test('is closed at both ends while both of them write and nobody reads', async () => {
      const { ours, theirs } = await connected();
      await fillUp(ours, oneRoundTrip);
      await fillUp(theirs, oneRoundTrip);
      ours.destroy();
      await hungUp(theirs);
      await expectIdle();
    });
  });

  describe('a connection that', () => {
    test.each([
      ['is not there', async () => connect(HEALTHY, newId('sandbox')), 'sandbox_not_running'],
      [
        'has no guest',
        async () => {
          driver.faults.fail('guest.connect', new SandglassError('guest_unavailable', 'no guest'));
          return connect();
        },
        'guest_unavailable',
      ],
    ])('%s fails with the reason', async (_name, attempt, reason) => {
      await expect(attempt()).rejects.toMatchObject({ reason });
      await expectIdle();
    });

    test('is given up before it is there leaves nothing', async () => {
      const hold = driver.faults.hold('guest.connect');
      const abort = new AbortController();
      const connecting = connect(abort.signal);
      await hold.reached;
      abort.abort(new Error('never mind'));
      await expect(connecting).rejects.toThrow('never mind');
      hold.release();
      await expect(connect(AbortSignal.abort(new Error('too late')))).rejects.toThrow('too late');
      await expectIdle();
    });

    test('is one too many is refused, until another has ended', async () => {
      const open = await Promise.all(Array.from({ length: LIMIT }, () => connect()));
      await expect(connect()).rejects.toMatchObject({ reason: 'too_many_requests' });
      await expect(metrics()).rejects.toMatchObject({ reason: 'too_many_requests' });
      await expect(readLines(logs())).rejects.toMatchObject({ reason: 'too_many_requests' });
      open[0]?.destroy();
      await eventually(() => metrics());
      for (const connection of open) connection.destroy();
      await expectIdle();
    });
  });

  describe('logs', () => {
    test('come line by line, as they were printed', async () => {
      for (const line of LINES) driver.engine.containers.get(sandboxId)?.log.print(line);
      const request = { sandboxId, follow: false, tail: 100, since: 1_699_999_999_999 };
      const lines = await readLines(logs(request));
      expect(lines.map(({ bytes, ...line }) => ({ ...line, bytes: Buffer.from(bytes) }))).toEqual(LINES);
      expect(driver.requests).toEqual([request]);
      await expectIdle();
    });

    test('that are followed come as they are printed, until the sandbox ends', async () => {
      driver.engine.print(sandboxId, 'before');
      const lines = logs({ follow: true })[Symbol.asyncIterator]();
      const next = async () => Buffer.from((await lines.next()).value?.bytes ?? []).toString();
      expect(await next()).toBe('before');
      const coming = next();
      driver.engine.print(sandboxId, 'meanwhile');
      expect(await coming).toBe('meanwhile');
      const end = lines.next();
      driver.engine.endSandbox(sandboxId, 0);
      expect(await end).toMatchObject({ done: true });
      await until(() => driver.ended === 1);
    });

    test('of any length come whole', async () => {
      const bytes = randomBytes(200_000);
      driver.engine.containers.get(sandboxId)?.log.print({ at: 1, stream: 'stdout', bytes });
      const lines = await readLines(logs());
      expect(Buffer.concat(lines.map((line) => line.bytes)).equals(bytes)).toBe(true);
    });

    test('wait for their reader, and end with it', async () => {
      driver.endless = true;
      const lines = logs()[Symbol.asyncIterator]();
      for (let n = 0; n < 10; n += 1) await lines.next();
      let before = -1;
      while (driver.yielded !== before) {
        before = driver.yielded;
        for (let n = 0; n < 20; n += 1) await oneRoundTrip();
      }
      expect(driver.yielded * 60_000).toBeLessThan(2 * MIB);
      await lines.return?.();
      await until(() => driver.ended === 1);
      await expectIdle();
    });

    test('end with the reason of the signal, also while nothing is printed', async () => {
      const hold = driver.faults.hold('logs.open');
      const abort = new AbortController();
      const lines = readLines(logs({ follow: true }, abort.signal));
      await hold.reached;
      abort.abort(new Error('enough'));
      await expect(lines).rejects.toThrow('enough');
      await expectIdle();
    });

    test('of a sandbox that is not there fail', async () => {
      await expect(readLines(logs({ sandboxId: newId('sandbox') }))).rejects.toMatchObject({ reason: 'sandbox_not_running' });
    });
  });

  describe('metrics', () => {
    test('are what the engine measured', async () => {
      expect(await metrics()).toEqual(await driver.metrics(sandboxId, HEALTHY));
    });

    test('of a sandbox that is not there fail', async () => {
      await expect(metrics(HEALTHY, newId('sandbox'))).rejects.toMatchObject({ reason: 'sandbox_not_running' });
    });

    test('that nobody waits for any more are not waited for', async () => {
      driver.faults.hold('metrics.read');
      const abort = new AbortController();
      const measuring = metrics(abort.signal);
      await until(() => driver.calls.get('metrics') === 1);
      abort.abort(new Error('enough'));
      await expect(measuring).rejects.toThrow('enough');
      await expectIdle();
    });
  });

  test('an executor that is closed ends what is open, and takes no more', async () => {
    const { ours, theirs } = await connected();
    const failed = once(ours, 'error').catch((error: unknown) => [error]);
    await it.executor.close();
    expect((await failed)[0]).toMatchObject({ reason: 'executor_unavailable' });
    await hungUp(theirs);
    await expect(connect()).rejects.toMatchObject({ reason: 'executor_unavailable' });
    await expect(metrics()).rejects.toMatchObject({ reason: 'executor_unavailable' });
    await expect(readLines(logs())).rejects.toMatchObject({ reason: 'executor_unavailable' });
  });
});

async function readLines(lines: AsyncIterable<LogLine>): Promise<LogLine[]> {
  const read: LogLine[] = [];
  for await (const line of lines) read.push(line);
  return read;
}

/** What `attempt` comes to, once it no longer comes too early: both sides give a place back when they hear of an end. */
async function eventually<T>(attempt: () => Promise<T>): Promise<T> {
  for (const until = Date.now() + 5_000; ; ) {
    try {
      return await attempt();
    } catch (error) {
      if (Date.now() > until || SandglassError.from(error).reason !== 'too_many_requests') throw error;
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}
