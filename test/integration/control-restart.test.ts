import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Snapshot } from '../../src/model/snapshot.ts';
import { duePrefix, expiryPrefix, operationPrefix, snapshotPrefix } from '../../src/store/keys.ts';
import { CLUSTER, ControlWorld, NS } from '../support/control-world.ts';

/** The moments in the life of a snapshot at which the server can be restarted. */
const MOMENTS = ['requested', 'received', 'failed once', 'captured', 'delete requested', 'delete received'] as const;

describe('a restart of the server', () => {
  it.each(MOMENTS)('when a snapshot has been %s loses nothing, and the snapshot gets to its end', async (moment) => {
    const world = await ControlWorld.create();
    const executor = await world.connect({ auto: true });
    const sandbox = await world.runningSandbox();
    executor.sandboxes = [{ sandboxId: sandbox.id, clusterId: CLUSTER, state: 'running', exitCode: 0, oomKilled: false }];
    executor.auto = false;
    const restartAt = async (reached: (typeof MOMENTS)[number]) => {
      if (reached === moment) await world.restart();
    };

    const { id } = await world.control.createSnapshot(NS, sandbox.id, {});
    await restartAt('requested');
    const first = await executor.instruction('create_snapshot');
    await restartAt('received');
    await executor.fail(first);
    await restartAt('failed once');
    world.clock.advance(1000);
    await world.snapshot(id, ({ attempt, operation }) => attempt === 2 && operation !== undefined);
    await executor.answer(await lastAttempt(executor.received, 2, () => executor.instruction('create_snapshot', 2)));
    await restartAt('captured');
    expect(await world.control.getSnapshot(NS, id)).toMatchObject({ status: 'active' });
    await world.control.deleteSnapshot(NS, id);
    await restartAt('delete requested');
    const removal = await executor.instruction('delete_snapshot');
    await restartAt('delete received');
    await executor.answer(removal);
    await world.gone(id);
    expect((await world.control.getSandbox(NS, sandbox.id)).status).toBe('running');
  });

  it('at random moments, with results lost, repeated and late, leaves no snapshot behind that is neither active nor failed nor gone', async () => {
    const step = fc.constantFrom('create', 'answer', 'fail', 'repeat', 'delete', 'restart', 'reconnect', 'second', 'minute', 'hour');
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 60 }), async (steps) => {
        const world = await ControlWorld.create({ executorGraceSecs: 1_000_000 });
        const executor = await world.connect({ auto: true });
        const sandbox = await world.runningSandbox();
        executor.sandboxes = [{ sandboxId: sandbox.id, clusterId: CLUSTER, state: 'running', exitCode: 0, oomKilled: false }];
        executor.auto = false;
        const snapshots: Snapshot['id'][] = [];
        for (const [i, name] of steps.entries()) {
          const some = snapshots[i % Math.max(1, snapshots.length)];
          const instruction = executor.received[executor.received.length - 1 - (i % 3)];
          if (name === 'create') snapshots.push((await world.control.createSnapshot(NS, sandbox.id, { ttlSecs: 600 })).id);
          else if (name === 'answer' && instruction) await executor.answer(instruction);
          else if (name === 'fail' && instruction) await executor.fail(instruction);
          else if (name === 'repeat' && executor.received[1]) await executor.answer(executor.received[1]);
          else if (name === 'delete' && some) await world.control.deleteSnapshot(NS, some).catch(() => {});
          else if (name === 'restart') await world.restart();
          else if (name === 'reconnect') await executor.disconnect().then(() => executor.connect(world.plane.gateway));
          else if (name === 'second') world.clock.advance(1000);
          else if (name === 'minute') world.clock.advance(60_000);
          else if (name === 'hour') world.clock.advance(3_600_000);
          await new Promise((resolve) => setImmediate(resolve));
        }
        // From here on the executor does what it is told; everything then expires.
        executor.auto = true;
        await world.restart();
        await world.passHours(50);
        for (const id of snapshots) await world.gone(id);
        for (const prefix of [snapshotPrefix(NS), operationPrefix(executor.id), 'x/snap', duePrefix, expiryPrefix]) {
          expect(await world.store.scan({ prefix, limit: 10, keysOnly: true })).toEqual([]);
        }
        await world.close();
      }),
      { numRuns: 60 },
    );
  }, 60_000);
});

/** The attempt with this number: it may have been received before a restart, or be received again after it. */
async function lastAttempt<T extends { attempt: number }>(received: readonly T[], attempt: number, next: () => Promise<T>): Promise<T> {
  return received.findLast((instruction) => instruction.attempt === attempt) ?? (await next());
}
