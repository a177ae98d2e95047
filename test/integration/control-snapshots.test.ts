import { describe, expect, it } from 'vitest';
import type { Sandbox } from '../../src/model/sandbox.ts';
import type { Snapshot } from '../../src/model/snapshot.ts';
import { CLUSTER, ControlWorld, NS } from '../support/control-world.ts';
import { CAPTURED } from '../support/scripted-executor.ts';

describe('a snapshot', () => {
  it('goes from creating to active when the executor has captured it, with the facts of the capture', async () => {
    const world = await ControlWorld.create();
    const executor = await world.connect({ auto: true });
    const sandbox = await world.runningSandbox({ env: { A: '1' }, secrets: { TOKEN: 'hush' } });
    executor.auto = false;
    const created = await world.control.createSnapshot(NS, sandbox.id, { name: 'v1', labels: { team: 'ops' }, ttlSecs: 60 });
    expect(created).toMatchObject({ status: 'creating', availableOn: [], ttlSecs: 60, expiresAt: created.createdAt + 60_000 });

    world.clock.advance(250);
    await executor.answer(await executor.instruction('create_snapshot'));
    const active = await world.control.getSnapshot(NS, created.id);
    expect(active).toMatchObject({
      status: 'active',
      digest: CAPTURED.outcome === 'captured' && CAPTURED.captured.digest,
      sizeBytes: 4096,
      layerCount: 2,
      availableOn: [executor.id],
      timings: { freezeMs: 30, captureMs: 90, totalMs: 250 },
    });
    expect(active.operation).toBeUndefined();
    expect(JSON.stringify(active)).not.toContain('hush');
    expect(active.sandboxConfig).toMatchObject({ env: { A: '1' }, secretNames: ['TOKEN'] });
    expect(await world.control.getSandbox(NS, sandbox.id)).toMatchObject({ status: 'running' });
  });

  it('is tried again with growing waits, then fails with the words of the engine, is kept for a day, then is gone', async () => {
    const world = await ControlWorld.create();
    const executor = await world.connect({ auto: true });
    const sandbox = await world.runningSandbox();
    executor.auto = false;
    const { id } = await world.control.createSnapshot(NS, sandbox.id, {});
    await executor.fail(await executor.instruction('create_snapshot'), 'commit: input/output error');
    expect(await world.control.getSnapshot(NS, id)).toMatchObject({
      status: 'creating',
      error: { message: 'commit: input/output error', attempts: 1 },
    });
    world.clock.advance(1000);
    await executor.fail(await executor.instruction('create_snapshot', 2), 'commit: input/output error');
    world.clock.advance(2000);
    const last = await executor.instruction('create_snapshot', 3);
    expect(last.attempt).toBe(3);
    await executor.fail(last, 'commit: no space left');
    const failed = await world.snapshot(id, ({ status }) => status === 'failed');
    expect(failed.error).toEqual({ reason: 'engine_error', message: 'commit: no space left', attempts: 3 });

    await world.passHours(23);
    expect((await world.control.getSnapshot(NS, id)).status).toBe('failed');
    executor.auto = true;
    await world.passHours(2);
    await world.gone(id);
    expect(executor.received.at(-1)?.kind).toBe('delete_snapshot');
  });

  it('fails at once when trying again cannot help', async () => {
    const world = await ControlWorld.create();
    const executor = await world.connect({ auto: true });
    const sandbox = await world.runningSandbox();
    executor.auto = false;
    const { id } = await world.control.createSnapshot(NS, sandbox.id, {});
    await executor.fail(await executor.instruction('create_snapshot'), 'it is gone', 'image_not_found');
    expect(await world.control.getSnapshot(NS, id)).toMatchObject({ status: 'failed', error: { attempts: 1 } });
  });

  it('is not changed by repeated, late, unknown or foreign results', async () => {
    const world = await ControlWorld.create();
    const executor = await world.connect({ auto: true });
    const other = await world.connect({ info: { hostname: 'host-2' } });
    const sandbox = await world.runningSandbox();
    executor.auto = other.auto = false;
    const [on, off] = sandbox.executorId === executor.id ? [executor, other] : [other, executor];
    const { id } = await world.control.createSnapshot(NS, sandbox.id, {});
    const first = await on.instruction('create_snapshot');
    await on.fail(first);
    world.clock.advance(1000);
    const second = await on.instruction('create_snapshot', 2);
    const before = await world.control.getSnapshot(NS, id);

    await on.answer(first);
    await on.answer({ ...second, attempt: 7 });
    await off.answer(second);
    await on.answer({ ...second, id: sandbox.id as never });
    expect(await world.control.getSnapshot(NS, id)).toEqual(before);
    expect(world.stale).toEqual(['result', 'result', 'result', 'result']);

    await on.answer(second);
    const active = await world.control.getSnapshot(NS, id);
    await on.fail(second);
    expect(await world.control.getSnapshot(NS, id)).toEqual(active);
  });

  it('ends when its executor never answers: attempt by attempt, then failed', async () => {
    const world = await ControlWorld.create({ executorGraceSecs: 100_000 });
    const executor = await world.connect({ auto: true });
    const sandbox = await world.runningSandbox();
    executor.auto = false;
    const { id } = await world.control.createSnapshot(NS, sandbox.id, {});
    await executor.instruction('create_snapshot');
    for (const attempt of [2, 3]) {
      world.clock.advance(600_000);
      await world.snapshot(id, ({ operation }) => operation === undefined);
      world.clock.advance(60_000);
      await executor.instruction('create_snapshot', attempt);
    }
    world.clock.advance(600_000);
    const failed = await world.snapshot(id, ({ status }) => status === 'failed');
    expect(failed.error).toMatchObject({ reason: 'deadline_exceeded', attempts: 3 });
  });

  it('that makes progress has its time extended, also in what a returning executor is told', async () => {
    const world = await ControlWorld.create();
    const executor = await world.connect({ auto: true });
    const sandbox = await world.runningSandbox();
    executor.auto = false;
    const { id } = await world.control.createSnapshot(NS, sandbox.id, {});
    const told = await executor.instruction('create_snapshot');
    world.clock.advance(599_000);
    const ref = { operationId: told.id, attempt: told.attempt };
    await world.plane.gateway.progress(executor.id, ref, { phase: 'capturing', bytesDone: 10, bytesTotal: 100 });
    world.clock.advance(300_000);
    expect(await world.control.getSnapshot(NS, id)).toMatchObject({ status: 'creating', attempt: 1, progress: { bytesDone: 10 } });
    executor.sandboxes = [{ sandboxId: sandbox.id, clusterId: CLUSTER, state: 'running', exitCode: 0, oomKilled: false }];
    await executor.disconnect();
    await executor.connect(world.plane.gateway);
    expect(await executor.instruction('create_snapshot', 2)).toMatchObject({ id: told.id, timeoutMs: 300_000 });
  });

  it('can be deleted while it is created: the work is cancelled, its late result means nothing, and the image is removed', async () => {
    const world = await ControlWorld.create();
    const executor = await world.connect({ auto: true });
    const sandbox = await world.runningSandbox();
    executor.auto = false;
    const { id } = await world.control.createSnapshot(NS, sandbox.id, {});
    const capture = await executor.instruction('create_snapshot');
    expect((await world.control.deleteSnapshot(NS, id)).status).toBe('deleting');
    expect((await world.control.deleteSnapshot(NS, id)).status).toBe('deleting');
    await executor.cancellation(capture.id);
    await executor.answer(capture);
    expect((await world.control.getSnapshot(NS, id)).status).toBe('deleting');
    await executor.answer(await executor.instruction('delete_snapshot'));
    await world.gone(id);
    await expect(world.control.deleteSnapshot(NS, id)).rejects.toMatchObject({ reason: 'snapshot_not_found' });
  });

  it('stays deleting, with the reason to be seen, until its image is really removed', async () => {
    const world = await ControlWorld.create();
    const executor = await world.connect({ auto: true });
    const snapshot = await world.activeSnapshot(await world.runningSandbox());
    executor.auto = false;
    await world.control.deleteSnapshot(NS, snapshot.id);
    for (let attempt = 1; attempt <= 5; attempt++) {
      await executor.fail(await executor.instruction('delete_snapshot', attempt), 'device busy');
      const seen = await world.control.getSnapshot(NS, snapshot.id);
      expect(seen).toMatchObject({ status: 'deleting', error: { message: 'device busy', attempts: attempt } });
      world.clock.advance(60_000);
    }
    await executor.answer(await executor.instruction('delete_snapshot', 6));
    await world.gone(snapshot.id);
  });

  it('is refused beyond the quota, counted exactly under concurrency, and allowed again after a delete', async () => {
    const world = await ControlWorld.create({ maxSnapshotsPerNamespace: 10 });
    await world.connect({ auto: true });
    const sandboxes = await Promise.all([1, 2, 3].map(() => world.runningSandbox()));
    const answers = await Promise.allSettled(
      Array.from({ length: 60 }, (_, i) => world.control.createSnapshot(NS, (sandboxes[i % 3] as Sandbox).id, {})),
    );
    const granted = answers.filter((answer) => answer.status === 'fulfilled').map(({ value }) => value);
    expect(granted).toHaveLength(10);
    for (const answer of answers)
      if (answer.status === 'rejected') expect(answer.reason).toMatchObject({ reason: 'snapshot_quota_exceeded', status: 403 });
    const [one] = granted as [Snapshot, ...Snapshot[]];
    await world.snapshot(one.id, ({ status }) => status === 'active');
    await world.control.deleteSnapshot(NS, one.id);
    await world.gone(one.id);
    await expect(world.control.createSnapshot(NS, (sandboxes[0] as Sandbox).id, {})).resolves.toMatchObject({
      status: 'creating',
    });
  });

  it('needs a sandbox that runs', async () => {
    const world = await ControlWorld.create();
    const { id } = await world.control.createSandbox(NS, {});
    await expect(world.control.createSnapshot(NS, id, {})).rejects.toMatchObject({ reason: 'sandbox_not_running', status: 409 });
  });

  it('expires by its TTL, found by the cleanup that runs at start and then once per interval', async () => {
    const world = await ControlWorld.create();
    const executor = await world.connect({ auto: true });
    const sandbox = await world.runningSandbox();
    const short = await world.activeSnapshot(sandbox, { ttlSecs: 10 });
    const long = await world.activeSnapshot(sandbox, { ttlSecs: 1_000_000 });
    const endless = await world.activeSnapshot(sandbox, { ttlSecs: 0 });
    world.clock.advance(11_000);
    expect((await world.control.getSnapshot(NS, short.id)).status).toBe('active');
    world.clock.advance(3_600_000);
    await world.gone(short.id);
    world.clock.advance(1_000_000_000);
    await world.gone(long.id);
    expect((await world.control.getSnapshot(NS, endless.id)).status).toBe('active');
    expect(executor.received.filter(({ kind }) => kind === 'delete_snapshot')).toHaveLength(2);
  });
});

describe('restoring a snapshot', () => {
  it('starts sandboxes from its image on the executor that holds it', async () => {
    const world = await ControlWorld.create();
    const executor = await world.connect({ auto: true });
    const sandbox = await world.runningSandbox({ env: { A: '1', B: '2' }, labels: { kept: 'no' } });
    const snapshot = await world.activeSnapshot(sandbox);
    await world.connect({ auto: true, info: { capacity: { cpus: 1000, memoryMb: 1_000_000, maxSandboxes: 1000 } } });
    const answer = await world.control.restoreSnapshot(NS, snapshot.id, { env: { B: '3' }, resources: { memoryMb: 256 }, count: 3 });
    expect(answer).toMatchObject({ restoredFromSnapshot: true, ttlExpired: false });
    expect(answer.sandboxes).toHaveLength(3);
    for (const { id } of answer.sandboxes) {
      const restored = await world.sandbox(id, ({ status }) => status === 'running');
      expect(restored).toMatchObject({
        executorId: executor.id,
        source: { snapshotId: snapshot.id, imageRef: snapshot.imageRef, digest: snapshot.digest },
        spec: { env: { A: '1', B: '3' }, resources: { cpus: 1, memoryMb: 256 } },
      });
    }
    expect((await world.activeSnapshot(answer.sandboxes[0] as Sandbox)).parentSnapshotId).toBe(snapshot.id);
  });

  it('does not let the environment grow without end from one restore to the next', async () => {
    const world = await ControlWorld.create();
    await world.connect({ auto: true });
    let sandbox = await world.runningSandbox();
    const grow = async (round: number) => {
      const snapshot = await world.activeSnapshot(sandbox);
      const { sandboxes } = await world.control.restoreSnapshot(NS, snapshot.id, { env: { [`BIG_${round}`]: 'x'.repeat(300_000) } });
      sandbox = await world.sandbox((sandboxes[0] as Sandbox).id, ({ status }) => status === 'running');
    };
    for (const round of [1, 2, 3]) await grow(round);
    await expect(grow(4)).rejects.toMatchObject({ reason: 'invalid_request', details: { field: 'env' } });
  });

  it('is refused until it is active, in the words of the API', async () => {
    const world = await ControlWorld.create();
    const executor = await world.connect({ auto: true });
    const sandbox = await world.runningSandbox();
    executor.auto = false;
    const { id } = await world.control.createSnapshot(NS, sandbox.id, {});
    await expect(world.control.restoreSnapshot(NS, id, {})).rejects.toMatchObject({
      reason: 'snapshot_not_active',
      status: 400,
      message: 'snapshot must be in Active state, current state: creating',
    });
  });

  it('makes a fresh sandbox with the recorded configuration once the snapshot has expired, unless forced', async () => {
    const world = await ControlWorld.create();
    await world.connect({ auto: true });
    const sandbox = await world.runningSandbox({ image: 'debian:12', env: { A: '1' } });
    const snapshot = await world.activeSnapshot(sandbox, { ttlSecs: 10 });
    world.clock.advance(20_000);
    const fresh = await world.control.restoreSnapshot(NS, snapshot.id, {});
    expect(fresh).toMatchObject({ restoredFromSnapshot: false, ttlExpired: true });
    expect(fresh.sandboxes[0]).toMatchObject({ spec: { image: 'debian:12', env: { A: '1' } } });
    expect(fresh.sandboxes[0]?.source).toBeUndefined();
    const forced = await world.control.restoreSnapshot(NS, snapshot.id, { force: true });
    expect(forced).toMatchObject({ restoredFromSnapshot: true, ttlExpired: true });
    expect(forced.sandboxes[0]?.source?.snapshotId).toBe(snapshot.id);
  });

  it('waits, with the reason, while the only executor with the image is away', async () => {
    const world = await ControlWorld.create();
    const executor = await world.connect({ auto: true });
    const snapshot = await world.activeSnapshot(await world.runningSandbox());
    await world.connect({ auto: true, info: { hostname: 'another' } });
    await executor.disconnect();
    const { sandboxes } = await world.control.restoreSnapshot(NS, snapshot.id, {});
    const { id } = sandboxes[0] as Sandbox;
    const waiting = await world.sandbox(id, ({ pendingReason }) => pendingReason !== undefined);
    expect(waiting.pendingReason).toContain(executor.id);
    await executor.connect(world.plane.gateway);
    await world.sandbox(id, ({ status }) => status === 'running');
  });
});

describe('forking a sandbox', () => {
  it('answers at once; the forks start when the snapshot is active', async () => {
    const world = await ControlWorld.create();
    const executor = await world.connect({ auto: true });
    const sandbox = await world.runningSandbox();
    executor.auto = false;
    const { snapshotId, sandboxes } = await world.control.forkSandbox(NS, sandbox.id, { count: 2 });
    for (const { id } of sandboxes) {
      expect((await world.sandbox(id, ({ pendingReason }) => pendingReason !== undefined)).pendingReason).toContain(snapshotId);
    }
    executor.auto = true;
    await executor.answer(await executor.instruction('create_snapshot'));
    for (const { id } of sandboxes) {
      const fork = await world.sandbox(id, ({ status }) => status === 'running');
      expect(fork.source).toMatchObject({ snapshotId });
    }
  });

  it('ends the forks with the reason when the snapshot fails', async () => {
    const world = await ControlWorld.create();
    const executor = await world.connect({ auto: true });
    const sandbox = await world.runningSandbox();
    executor.auto = false;
    const { sandboxes } = await world.control.forkSandbox(NS, sandbox.id, { count: 1 });
    await executor.fail(await executor.instruction('create_snapshot'), 'broken beyond repair', 'image_not_found');
    const ended = await world.sandbox((sandboxes[0] as Sandbox).id, ({ status }) => status === 'terminated');
    expect(ended).toMatchObject({ outcome: 'start_failed' });
    expect(ended.message).toContain('broken beyond repair');
  });
});
