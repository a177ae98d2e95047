import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { OperationKind } from '../../src/model/operation.ts';
import type { Sandbox } from '../../src/model/sandbox.ts';
import { duePrefix, operationPrefix } from '../../src/store/keys.ts';
import { NS } from '../support/control-world.ts';
import { started, TIMEOUT_MS } from '../support/timeout-world.ts';

const isPaused = ({ status }: Sandbox) => status === 'paused';
const isTerminated = ({ status }: Sandbox) => status === 'terminated';

/** The moments at which the server can be restarted while a timeout is seen through. */
const MOMENTS = [
  'passed',
  'capture received',
  'capture failed once',
  'capture over',
  'pause received',
  'pause failed once',
  'stop received',
] as const;

describe('a restart of the server', () => {
  it.each(MOMENTS.flatMap((moment) => (['active', 'failed'] as const).map((capture) => [moment, capture] as const)))(
    'when a timeout has been %s changes nothing about what comes of it: the snapshot is %s',
    async (moment, capture) => {
      const { world, executor, id } = await started('snapshot');
      const restartAt = async (reached: (typeof MOMENTS)[number]) => {
        if (reached === moment) await world.restart();
      };
      /** The attempt with this number, however often it has been sent. */
      const attemptOf = async (kind: OperationKind, attempt: number) => {
        for (let count = 1; ; count++) {
          await executor.instruction(kind, count);
          const told = executor.received.findLast((one) => one.kind === kind && one.attempt === attempt);
          if (told !== undefined) return told;
        }
      };

      if (moment === 'passed') {
        // The time passes while the server is down.
        executor.drop();
        await world.plane.close();
        world.clock.advance(TIMEOUT_MS);
        await world.restart();
      } else world.clock.advance(TIMEOUT_MS);
      const first = await executor.instruction('create_snapshot');
      await restartAt('capture received');
      await executor.fail(first);
      await restartAt('capture failed once');
      world.clock.advance(1_000);
      await world.sandbox(id, ({ timeoutSnapshotId }) => timeoutSnapshotId !== undefined);
      const second = await attemptOf('create_snapshot', 2);
      if (capture === 'active') await executor.answer(second);
      else await executor.fail(second, 'layer is gone', 'image_not_found');
      await restartAt('capture over');
      world.clock.advance(5_000);
      if (capture === 'active') {
        const stop = await attemptOf('stop_sandbox', 1);
        await restartAt('stop received');
        await executor.answer(stop);
        expect(await world.sandbox(id, isTerminated)).toMatchObject({
          outcome: 'timeout',
          timeoutSnapshotId: first.kind === 'create_snapshot' ? first.snapshotId : '',
        });
      } else {
        const pause = await attemptOf('pause_sandbox', 1);
        await restartAt('pause received');
        await executor.fail(pause);
        await restartAt('pause failed once');
        world.clock.advance(1_000);
        await executor.answer(await attemptOf('pause_sandbox', 2));
        expect(await world.sandbox(id, isPaused)).toMatchObject({ captureFailure: { reason: 'image_not_found' } });
      }
      expect(await world.store.scan({ prefix: operationPrefix(executor.id), limit: 10, keysOnly: true })).toEqual([]);
    },
  );

  it('at random moments, with results lost, repeated and late, leaves no sandbox running whose timeout has passed, and none ended without its snapshot', async () => {
    const step = fc.constantFrom('answer', 'answer', 'fail', 'repeat', 'pause', 'resume', 'extend', 'drop', 'restart', 'second', 'minute');
    const ends = new Set<string>();
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('terminate', 'pause', 'snapshot'),
        fc.array(step, { maxLength: 40, size: 'max' }),
        async (mode, steps) => {
          const { world, executor, id } = await started(mode);
          const ignored = () => {};
          for (const [i, name] of steps.entries()) {
            const instruction = executor.received[executor.received.length - 1 - (i % 3)];
            const { timeoutSnapshotId } = await world.control.getSandbox(NS, id);
            if (name === 'answer' && instruction) await executor.answer(instruction);
            else if (name === 'fail' && instruction) await executor.fail(instruction);
            else if (name === 'repeat' && executor.received[1]) await executor.answer(executor.received[1]);
            else if (name === 'pause') await world.control.pauseSandbox(NS, id).catch(ignored);
            else if (name === 'resume') await world.control.resumeSandbox(NS, id, { timeoutSecs: i }).catch(ignored);
            else if (name === 'extend') await world.control.setSandboxTimeout(NS, id, i * 7).catch(ignored);
            else if (name === 'drop' && timeoutSnapshotId) await world.control.deleteSnapshot(NS, timeoutSnapshotId).catch(ignored);
            else if (name === 'restart') await world.restart();
            else if (name === 'second') world.clock.advance(1_000);
            else if (name === 'minute') world.clock.advance(60_000);
            await new Promise((resolve) => setImmediate(resolve));
          }
          // From here on the executor does what it is told, and whatever runs has a timeout.
          executor.auto = true;
          await world.restart();
          await world.control.setSandboxTimeout(NS, id, 10).catch(ignored);
          await world.passHours(3);
          const sandbox = await world.sandbox(id, ({ status }) => status === 'paused' || status === 'terminated');
          if (mode === 'snapshot' && sandbox.outcome === 'timeout') {
            expect(sandbox.timeoutSnapshotId).toBeDefined();
          }
          if (mode === 'pause') expect(sandbox.status).toBe('paused');
          ends.add(`${mode}: ${sandbox.outcome ?? sandbox.status}`);
          expect(await world.store.scan({ prefix: duePrefix, limit: 10, keysOnly: true })).toEqual([]);
          expect(await world.store.scan({ prefix: operationPrefix(executor.id), limit: 10, keysOnly: true })).toEqual([]);
          await world.close();
        },
      ),
      { numRuns: 300 },
    );
    expect([...ends].sort()).toEqual(['pause: paused', 'snapshot: paused', 'snapshot: timeout', 'terminate: paused', 'terminate: timeout']);
  }, 60_000);
});
