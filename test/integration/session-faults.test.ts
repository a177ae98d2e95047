import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { newId } from '../../src/main/new-id.ts';
import { createSnapshot, GrpcWorld, HEARTBEAT_MS, until } from '../support/grpc-world.ts';
import type { TcpProxy } from '../support/tcp-proxy.ts';

const ROUNDS = 12;
const RECONNECT = { baseMs: 1_000, maxMs: 1_000 };
/** Three heartbeats, and something for a busy machine. */
const NOTICED_MS = 3 * HEARTBEAT_MS + 400;

const uncaught: unknown[] = [];
const onUncaught = (error: unknown) => uncaught.push(error);
beforeAll(() => void process.on('uncaughtException', onUncaught).on('unhandledRejection', onUncaught));
afterAll(() => {
  process.off('uncaughtException', onUncaught).off('unhandledRejection', onUncaught);
  expect(uncaught).toEqual([]);
});

async function inWorld(use: (world: GrpcWorld) => Promise<void>): Promise<void> {
  const world = await GrpcWorld.start();
  try {
    await use(world);
  } finally {
    await world.close();
  }
}

/** Breaks the link again and again; each time, work that was under way ends as if nothing had been. */
function surviving(breakLink: (proxy: TcpProxy) => void): () => Promise<void> {
  return () =>
    inWorld(async (world) => {
      const seenByServer = () => world.gateway.of('disconnected').length;
      const seenByExecutor = () => world.log.lines.filter(({ message }) => message === 'not connected to the server').length;
      const { executorId, driver } = await world.connectedExecutor({ reconnect: RECONNECT });
      const sandboxId = await world.startSandbox(executorId);
      for (let round = 1; round <= ROUNDS; round += 1) {
        const before = { server: seenByServer(), executor: seenByExecutor() };
        const commit = driver.faults.hold('capture.commit');
        const capture = world.issue(executorId, createSnapshot(newId('snapshot')), { sandboxId });
        await commit.reached;

        const brokenAt = Date.now();
        breakLink(world.proxy);
        await until(() => seenByServer() > before.server && seenByExecutor() > before.executor);
        expect(Date.now() - brokenAt).toBeLessThan(NOTICED_MS);
        commit.release();
        world.proxy.forward();

        expect(await world.resultOf(capture)).toMatchObject({ outcome: 'captured' });
        expect(driver.calls.get('captureSnapshot')).toBe(round);
      }
    });
}

describe.concurrent('an executor connects again, and nothing is lost or done twice, when the link', () => {
  test(
    'is cut',
    surviving((proxy) => proxy.cut()),
  );
  test(
    'swallows everything, which both sides notice within three heartbeats',
    surviving((proxy) => proxy.blackHole()),
  );
  test(
    'refuses for a while',
    surviving((proxy) => proxy.refuse()),
  );
});

describe.concurrent('an executor', () => {
  test('gives a new connection into a black hole up, and makes another', () =>
    inWorld(async (world) => {
      world.proxy.blackHole();
      const { executorId, run } = world.newExecutor({ welcomeTimeoutMs: 100, reconnect: RECONNECT });
      void run();
      await until(() => world.proxy.connections >= 2);
      expect(world.connectionsOf(executorId)).toBe(0);
      world.proxy.forward();
      await until(() => world.connectionsOf(executorId) > 0);
    }));

  test('tries a server that is away again, at least half a second apart, on a fresh connection', () =>
    inWorld(async (world) => {
      const { executorId } = await world.connectedExecutor({ reconnect: RECONNECT });
      const before = world.proxy.connections;
      const startedAt = Date.now();
      await world.restartServer(() => until(() => world.proxy.connections >= before + 3));
      expect(Date.now() - startedAt).toBeGreaterThanOrEqual(3 * 500 - 50);
      await until(() => world.connectionsOf(executorId) === 2);
      await world.startSandbox(executorId);
    }));

  test('takes a slow link for no broken link', () =>
    inWorld(async (world) => {
      const { executorId } = await world.connectedExecutor();
      world.proxy.delay(HEARTBEAT_MS);
      const answersAt = Date.now() + 6 * HEARTBEAT_MS;
      while (Date.now() < answersAt) await world.startSandbox(executorId);
      expect(world.gateway.calls.map(({ call }) => call)).not.toContain('disconnected');
    }));
});
