import { describe, expect, it, vi } from 'vitest';
import type { Sandbox } from '../../src/model/sandbox.ts';
import { duePrefix, sandboxPrefix, snapshotPrefix } from '../../src/store/keys.ts';
import type { CommitRequest } from '../../src/store/store.ts';
import { ControlWorld, NS } from '../support/control-world.ts';
import { beforeCommit, writes } from '../support/interpose.ts';
import { type Started, started, TIMEOUT_MS } from '../support/timeout-world.ts';

/** The snapshot that the timeout has begun. */
async function timeoutSnapshot({ world, id }: Started) {
  const { timeoutSnapshotId } = await world.sandbox(id, (sandbox) => sandbox.timeoutSnapshotId !== undefined);
  if (timeoutSnapshotId === undefined) throw new Error('no snapshot');
  return timeoutSnapshotId;
}

/** Lets `ms` pass but for the last millisecond, and then that, once the time after it is awaited. */
async function passAlmost({ clock }: ControlWorld, ms: number): Promise<{ last(): void }> {
  const end = clock.now() + ms;
  clock.advance(ms - 1);
  await vi.waitFor(() => expect(clock.scheduled).toContain(end), { interval: 1 });
  return { last: () => clock.advance(1) };
}

const isPaused = ({ status }: Sandbox) => status === 'paused';
const isTerminated = ({ status }: Sandbox) => status === 'terminated';

describe('a sandbox whose timeout pauses it', () => {
  it('is paused, has no end while it is, and a new one once it is resumed', async () => {
    const { world, executor, id } = await started('pause');
    world.clock.advance(TIMEOUT_MS);
    await executor.answer(await executor.instruction('pause_sandbox'));
    const paused = await world.sandbox(id, isPaused);
    expect(paused.expiresAt).toBeUndefined();
    expect(await world.store.scan({ prefix: duePrefix, limit: 10, keysOnly: true })).toEqual([]);
    await world.passHours(100);
    expect((await world.control.getSandbox(NS, id)).status).toBe('paused');
    executor.auto = true;
    await world.control.resumeSandbox(NS, id, {});
    expect((await world.sandbox(id, ({ status }) => status === 'running')).expiresAt).toBe(world.clock.now() + TIMEOUT_MS);
    world.clock.advance(TIMEOUT_MS);
    await world.sandbox(id, isPaused);
  });

  it('is tried again while it cannot be paused, says why, and never ends for it', async () => {
    const { world, executor, id } = await started('pause');
    world.clock.advance(TIMEOUT_MS);
    for (let attempt = 1; attempt <= 6; attempt++) {
      const told = await executor.instruction('pause_sandbox', attempt);
      expect(told.attempt).toBe(attempt);
      await executor.fail(told, 'freezer: busy', attempt === 2 ? 'image_not_found' : 'engine_error');
      const failure = { message: `its timeout has passed, but attempt ${attempt} to pause it failed, and is repeated: freezer: busy` };
      expect(await world.control.getSandbox(NS, id)).toMatchObject({ status: 'running', failure });
      world.clock.advance(60_000);
    }
    await executor.answer(await executor.instruction('pause_sandbox', 7));
    expect(await world.sandbox(id, isPaused)).toMatchObject({ attempt: 0 });
  });

  it('is tried again when the executor does not answer', async () => {
    const { world, executor, id } = await started('pause');
    world.clock.advance(TIMEOUT_MS);
    const first = await executor.instruction('pause_sandbox');
    world.clock.advance(30_000);
    await world.sandbox(id, ({ failure }) => failure !== undefined);
    world.clock.advance(1_000);
    const second = await executor.instruction('pause_sandbox', 2);
    await executor.answer(first);
    expect((await world.control.getSandbox(NS, id)).status).toBe('running');
    expect(world.stale).toEqual(['result']);
    await executor.answer(second);
    await world.sandbox(id, isPaused);
  });

  it('is paused by hand between two attempts as well', async () => {
    const { world, executor, id } = await started('pause');
    world.clock.advance(TIMEOUT_MS);
    await executor.fail(await executor.instruction('pause_sandbox'));
    expect((await world.control.pauseSandbox(NS, id)).operation).toMatchObject({ kind: 'pause_sandbox', attempt: 2 });
    await executor.answer(await executor.instruction('pause_sandbox', 2));
    await world.sandbox(id, isPaused);
  });

  it('runs on when it gets more time between two attempts, and is told to try later while it is being paused', async () => {
    const { world, executor, id } = await started('pause');
    world.clock.advance(TIMEOUT_MS);
    const first = await executor.instruction('pause_sandbox');
    await expect(world.control.setSandboxTimeout(NS, id, 60)).rejects.toMatchObject({ reason: 'sandbox_not_running', status: 409 });
    await executor.fail(first);
    expect(await world.control.setSandboxTimeout(NS, id, 3600)).toMatchObject({
      status: 'running',
      expiresAt: world.clock.now() + 3_600_000,
    });
    const { last } = await passAlmost(world, 3_600_000);
    expect((await world.control.getSandbox(NS, id)).operation).toBeUndefined();
    expect(executor.received.filter(({ kind }) => kind === 'pause_sandbox')).toHaveLength(1);
    last();
    expect((await executor.instruction('pause_sandbox', 2)).attempt).toBe(1);
  });

  it('can be deleted while it is being paused', async () => {
    const { world, executor, id } = await started('pause');
    world.clock.advance(TIMEOUT_MS);
    const pause = await executor.instruction('pause_sandbox');
    await world.control.deleteSandbox(NS, id);
    await executor.cancellation(pause.id);
    await executor.answer(await executor.instruction('stop_sandbox'));
    expect(await world.sandbox(id, isTerminated)).toMatchObject({ outcome: 'stopped' });
  });
});

describe('a sandbox of which its timeout takes a snapshot', () => {
  it('ends once the snapshot is active, and both say so', async () => {
    const run = await started('snapshot');
    const { world, executor, id } = run;
    world.clock.advance(TIMEOUT_MS);
    const snapshotId = await timeoutSnapshot(run);
    const capture = await executor.instruction('create_snapshot');
    expect(capture).toMatchObject({ snapshotId });
    world.clock.advance(120_000);
    expect((await world.control.getSandbox(NS, id)).status).toBe('running');
    await executor.answer(capture);
    await executor.answer(await executor.instruction('stop_sandbox'));
    expect(await world.sandbox(id, isTerminated)).toMatchObject({
      outcome: 'timeout',
      timeoutSnapshotId: snapshotId,
      message: `its timeout of 30 s has passed; snapshot ${snapshotId} was taken of it`,
    });
    expect(await world.control.getSnapshot(NS, snapshotId)).toMatchObject({
      status: 'active',
      ttlSecs: world.settings.defaultSnapshotTtlSecs,
      labels: { 'sandglass.dev/reason': 'timeout' },
    });
    const found = await world.control.listSnapshots(NS, { label: [{ key: 'sandglass.dev/reason', value: 'timeout' }] }, { limit: 10 });
    expect(found.items.map((snapshot) => snapshot.id)).toEqual([snapshotId]);
  });

  it('ends as soon as the snapshot is active after some failures of it', async () => {
    const { world, executor, id } = await started('snapshot');
    world.clock.advance(TIMEOUT_MS);
    await executor.fail(await executor.instruction('create_snapshot'));
    world.clock.advance(1_000);
    await executor.fail(await executor.instruction('create_snapshot', 2));
    world.clock.advance(2_000);
    await executor.answer(await executor.instruction('create_snapshot', 3));
    await executor.answer(await executor.instruction('stop_sandbox'));
    expect(await world.sandbox(id, isTerminated)).toMatchObject({ outcome: 'timeout' });
  });

  it('is paused instead, and says why, when the snapshot fails for good', async () => {
    const run = await started('snapshot');
    const { world, executor, id } = run;
    world.clock.advance(TIMEOUT_MS);
    const snapshotId = await timeoutSnapshot(run);
    await executor.fail(await executor.instruction('create_snapshot'), 'layer is gone', 'image_not_found');
    await executor.fail(await executor.instruction('pause_sandbox'));
    world.clock.advance(1_000);
    await executor.answer(await executor.instruction('pause_sandbox', 2));
    const paused = await world.sandbox(id, isPaused);
    const message = `snapshot ${snapshotId}, which its timeout asked for, failed: layer is gone`;
    expect(paused).toMatchObject({ captureFailure: { reason: 'image_not_found', message } });
    expect(paused).not.toHaveProperty('timeoutSnapshotId');
    await world.passHours(30);
    expect(await world.control.getSandbox(NS, id)).toMatchObject({ status: 'paused', captureFailure: { message } });
    expect(executor.received.filter(({ kind }) => kind === 'stop_sandbox')).toEqual([]);
    executor.auto = true;
    await world.control.resumeSandbox(NS, id, { timeoutSecs: 5 });
    expect(await world.sandbox(id, ({ status }) => status === 'running')).not.toHaveProperty('captureFailure');
    world.clock.advance(5_000);
    expect(await world.sandbox(id, isTerminated)).toMatchObject({ outcome: 'timeout' });
  });

  it('is paused instead when the quota allows no snapshot', async () => {
    const { world, executor, id } = await started('snapshot', { maxSnapshotsPerNamespace: 1 });
    executor.auto = true;
    await world.activeSnapshot(await world.control.getSandbox(NS, id));
    world.clock.advance(TIMEOUT_MS);
    expect(await world.sandbox(id, isPaused)).toMatchObject({ captureFailure: { reason: 'snapshot_quota_exceeded' } });
    expect((await world.control.listSnapshots(NS, {}, { limit: 10 })).items).toHaveLength(1);
  });

  it('is paused instead when somebody deletes the snapshot before it is active', async () => {
    const run = await started('snapshot');
    const { world, executor, id } = run;
    world.clock.advance(TIMEOUT_MS);
    await world.control.deleteSnapshot(NS, await timeoutSnapshot(run));
    await executor.answer(await executor.instruction('pause_sandbox'));
    expect(await world.sandbox(id, isPaused)).toMatchObject({ captureFailure: { reason: 'snapshot_failed' } });
  });

  it('is paused instead when somebody deletes the snapshot in the moment in which it would end for it', async () => {
    const run = await started('snapshot');
    const { world, executor, id } = run;
    world.clock.advance(TIMEOUT_MS);
    const snapshotId = await timeoutSnapshot(run);
    const isEnd = (request: CommitRequest) => writes(request, sandboxPrefix(NS), '"status":"stopping"');
    beforeCommit(world.store, isEnd, () => world.control.deleteSnapshot(NS, snapshotId));
    await executor.answer(await executor.instruction('create_snapshot'));
    await executor.answer(await executor.instruction('pause_sandbox'));
    expect(await world.sandbox(id, isPaused)).toMatchObject({ captureFailure: { reason: 'snapshot_failed' } });
  });

  it('has no snapshot taken when it gets more time in the moment in which that would begin', async () => {
    const { world, id } = await started('snapshot');
    const isCapture = (request: CommitRequest) => writes(request, snapshotPrefix(NS), '"status":"creating"');
    const extended = new Promise<Sandbox>((resolve) => {
      beforeCommit(world.store, isCapture, () => world.control.setSandboxTimeout(NS, id, 60).then(resolve));
    });
    world.clock.advance(TIMEOUT_MS);
    expect(await extended).toMatchObject({ status: 'running' });
    // Snapshots of a namespace are begun one after another: this one is once the other has been thought better of.
    const later = await world.control.createSnapshot(NS, id, {});
    expect((await world.control.listSnapshots(NS, {}, { limit: 10 })).items).toEqual([later]);
    expect(await world.control.getSandbox(NS, id)).not.toHaveProperty('timeoutSnapshotId');
  });

  it('is not paused before the time of the next attempt when something else changes meanwhile', async () => {
    const { world, executor, id } = await started('snapshot', { maxSnapshotsPerNamespace: 0 });
    world.clock.advance(TIMEOUT_MS);
    await executor.fail(await executor.instruction('pause_sandbox'));
    const small = await world.connect({
      auto: true,
      info: { hostname: 'small', capacity: { cpus: 1000, memoryMb: 999_999, maxSandboxes: 1 } },
    });
    await world.control.setCordoned(executor.id, true);
    const [first, second] = [await world.runningSandbox(), await world.control.createSandbox(NS, {})];
    await world.sandbox(second.id, ({ pendingReason }) => pendingReason !== undefined);
    await world.control.deleteSandbox(NS, first.id);
    expect(await world.sandbox(second.id, ({ status }) => status === 'running')).toMatchObject({ executorId: small.id });
    expect(executor.received.filter(({ kind }) => kind === 'pause_sandbox')).toHaveLength(1);
    world.clock.advance(1_000);
    await executor.answer(await executor.instruction('pause_sandbox', 2));
    await world.sandbox(id, isPaused);
  });

  it('runs on when it gets more time meanwhile; the snapshot is like any other, and the next timeout takes another', async () => {
    const run = await started('snapshot');
    const { world, executor, id } = run;
    world.clock.advance(TIMEOUT_MS);
    const first = await timeoutSnapshot(run);
    const capture = await executor.instruction('create_snapshot');
    expect(await world.control.setSandboxTimeout(NS, id, 60)).not.toHaveProperty('timeoutSnapshotId');
    await executor.answer(capture);
    await world.snapshot(first, ({ status }) => status === 'active');
    const { last } = await passAlmost(world, 60_000);
    expect(await world.control.getSandbox(NS, id)).toMatchObject({ status: 'running' });
    executor.auto = true;
    last();
    const ended = await world.sandbox(id, isTerminated);
    expect(ended.timeoutSnapshotId).not.toBe(first);
    expect((await world.control.listSnapshots(NS, { status: 'active' }, { limit: 10 })).items).toHaveLength(2);
  });

  it('stays when it is paused meanwhile', async () => {
    const { world, executor, id } = await started('snapshot');
    world.clock.advance(TIMEOUT_MS);
    const capture = await executor.instruction('create_snapshot');
    await world.control.pauseSandbox(NS, id);
    await executor.answer(capture);
    await executor.answer(await executor.instruction('pause_sandbox'));
    expect(await world.sandbox(id, isPaused)).not.toHaveProperty('timeoutSnapshotId');
    await world.passHours(3);
    expect((await world.control.getSandbox(NS, id)).status).toBe('paused');
  });

  it('ends when a pause that came first has failed', async () => {
    const { world, executor, id } = await started('snapshot');
    world.clock.advance(TIMEOUT_MS);
    const capture = await executor.instruction('create_snapshot');
    await world.control.pauseSandbox(NS, id);
    await executor.answer(capture);
    await executor.fail(await executor.instruction('pause_sandbox'));
    await executor.answer(await executor.instruction('stop_sandbox'));
    expect(await world.sandbox(id, isTerminated)).toMatchObject({ outcome: 'timeout' });
  });

  it('can be deleted meanwhile', async () => {
    const { world, executor, id } = await started('snapshot');
    world.clock.advance(TIMEOUT_MS);
    await executor.instruction('create_snapshot');
    await world.control.deleteSandbox(NS, id);
    await executor.answer(await executor.instruction('stop_sandbox'));
    expect(await world.sandbox(id, isTerminated)).toMatchObject({ outcome: 'stopped' });
  });

  it('is lost with its executor, as any other', async () => {
    const run = await started('snapshot', { executorGraceSecs: 120 });
    const { world, executor, id } = run;
    world.clock.advance(TIMEOUT_MS);
    const snapshotId = await timeoutSnapshot(run);
    await executor.disconnect();
    world.clock.advance(120_000);
    expect(await world.sandbox(id, isTerminated)).toMatchObject({ outcome: 'executor_lost' });
    expect(await world.snapshot(snapshotId, ({ status }) => status === 'failed')).toMatchObject({ error: { reason: 'executor_lost' } });
  });
});

describe('the timeout of a sandbox', () => {
  it('can be set in every state but its end', async () => {
    const world = await ControlWorld.create();
    const { id } = await world.control.createSandbox(NS, { timeoutSecs: 30 });
    await world.control.setSandboxTimeout(NS, id, 60);
    const executor = await world.connect();
    const start = await executor.instruction('start_sandbox');
    expect(await world.control.setSandboxTimeout(NS, id, 90)).toMatchObject({ status: 'starting', spec: { timeoutSecs: 30 } });
    await executor.answer(start);
    const startedAt = world.clock.now();
    expect(await world.control.getSandbox(NS, id)).toMatchObject({ status: 'running', expiresAt: startedAt + 90_000 });
    expect(await world.control.setSandboxTimeout(NS, id, 0)).not.toHaveProperty('expiresAt');
    executor.auto = true;
    await world.control.pauseSandbox(NS, id);
    await world.sandbox(id, isPaused);
    expect(await world.control.setSandboxTimeout(NS, id, 45)).not.toHaveProperty('expiresAt');
    await world.control.resumeSandbox(NS, id, {});
    expect(await world.sandbox(id, ({ status }) => status === 'running')).toMatchObject({ expiresAt: startedAt + 45_000 });
    await world.control.deleteSandbox(NS, id);
    await expect(world.control.setSandboxTimeout(NS, id, 60)).rejects.toMatchObject({ reason: 'sandbox_not_running' });
    await world.sandbox(id, isTerminated);
    await expect(world.control.setSandboxTimeout(NS, id, 60)).rejects.toMatchObject({ reason: 'sandbox_not_running' });
  });

  it('is set by a resume of a sandbox that runs already, too, or is being resumed', async () => {
    const { world, executor, id } = await started('terminate');
    expect((await world.control.resumeSandbox(NS, id, {})).expiresAt).toBe(world.clock.now() + TIMEOUT_MS);
    expect((await world.control.resumeSandbox(NS, id, { timeoutSecs: 600 })).expiresAt).toBe(world.clock.now() + 600_000);
    await world.control.pauseSandbox(NS, id);
    await expect(world.control.resumeSandbox(NS, id, { timeoutSecs: 600 })).rejects.toMatchObject({ reason: 'sandbox_not_running' });
    await executor.answer(await executor.instruction('pause_sandbox'));
    await world.control.resumeSandbox(NS, id, { timeoutSecs: 60 });
    await world.control.resumeSandbox(NS, id, { timeoutSecs: 90 });
    await executor.answer(await executor.instruction('resume_sandbox'));
    expect(await world.control.getSandbox(NS, id)).toMatchObject({ status: 'running', expiresAt: world.clock.now() + 90_000 });
  });

  it('begins when the inventory tells that it runs, although nobody has heard of its resume', async () => {
    const { world, executor, id } = await started('terminate');
    await world.control.pauseSandbox(NS, id);
    await executor.answer(await executor.instruction('pause_sandbox'));
    await world.control.resumeSandbox(NS, id, {});
    await executor.instruction('resume_sandbox');
    await executor.disconnect();
    world.clock.advance(30_000);
    expect(await world.sandbox(id, ({ operation }) => operation === undefined)).toMatchObject({ status: 'paused' });
    await executor.connect(world.plane.gateway);
    expect(await world.control.getSandbox(NS, id)).toMatchObject({ status: 'running', expiresAt: world.clock.now() + TIMEOUT_MS });
  });

  it('that is set leads to the end at its own time, not at the earlier one', async () => {
    const { world, executor, id } = await started('terminate');
    executor.auto = true;
    await world.control.setSandboxTimeout(NS, id, 60);
    const { last } = await passAlmost(world, 60_000);
    expect((await world.control.getSandbox(NS, id)).status).toBe('running');
    last();
    expect(await world.sandbox(id, isTerminated)).toMatchObject({ outcome: 'timeout', message: 'its timeout of 60 s has passed' });
  });

  it('is that of no other namespace', async () => {
    const { world } = await started('terminate');
    const unknown = `sb-${'f'.repeat(32)}` as Sandbox['id'];
    await expect(world.control.setSandboxTimeout(NS, unknown, 60)).rejects.toMatchObject({ reason: 'sandbox_not_found' });
  });
});
