import { describe, expect, it } from 'vitest';
import { parseNamespace } from '../../src/model/ids.ts';
import { secretsKey } from '../../src/store/keys.ts';
import { CLUSTER, ControlWorld, NS } from '../support/control-world.ts';

describe('a sandbox', () => {
  it('waits with the reason while no executor is there, and starts as soon as one is', async () => {
    const world = await ControlWorld.create();
    const { id, status } = await world.control.createSandbox(NS, {});
    expect(status).toBe('pending');
    const waiting = await world.sandbox(id, ({ pendingReason }) => pendingReason !== undefined);
    expect(waiting.pendingReason).toContain('no executor is connected');
    const executor = await world.connect({ auto: true });
    expect(await world.sandbox(id, (sandbox) => sandbox.status === 'running')).toMatchObject({ executorId: executor.id });
  });

  it('waits for room, and takes it when another sandbox leaves', async () => {
    const world = await ControlWorld.create();
    await world.connect({ auto: true, info: { capacity: { cpus: 1, memoryMb: 512, maxSandboxes: 10 } } });
    const first = await world.runningSandbox();
    const second = await world.control.createSandbox(NS, {});
    const waiting = await world.sandbox(second.id, ({ pendingReason }) => pendingReason !== undefined);
    expect(waiting.pendingReason).toContain('no executor has room');
    await world.control.deleteSandbox(NS, first.id);
    await world.sandbox(second.id, ({ status }) => status === 'running');
  });

  it('is never placed twice into the same room', async () => {
    const world = await ControlWorld.create();
    const executors = await Promise.all(
      ['a', 'b'].map((hostname) =>
        world.connect({ auto: true, info: { hostname, capacity: { cpus: 3, memoryMb: 9999, maxSandboxes: 9 } } }),
      ),
    );
    const all = await Promise.all(Array.from({ length: 8 }, () => world.control.createSandbox(NS, {})));
    const placed = await Promise.all(
      all.map(({ id }) => world.sandbox(id, ({ status, pendingReason }) => status === 'running' || !!pendingReason)),
    );
    expect(placed.filter(({ status }) => status === 'running')).toHaveLength(6);
    for (const executor of executors) expect(placed.filter(({ executorId }) => executorId === executor.id)).toHaveLength(3);
  });

  it('ends with the reason when it could not be started in time', async () => {
    const world = await ControlWorld.create();
    const { id } = await world.control.createSandbox(NS, {});
    await world.sandbox(id, ({ pendingReason }) => pendingReason !== undefined);
    world.clock.advance(600_000);
    const ended = await world.sandbox(id, ({ status }) => status === 'terminated');
    expect(ended).toMatchObject({ outcome: 'start_failed', message: expect.stringContaining('no executor is connected') });
  });

  it('is started again after a passing failure, and ends with the reason of a lasting one, its container removed', async () => {
    const world = await ControlWorld.create();
    const executor = await world.connect();
    const { id } = await world.control.createSandbox(NS, { image: 'nosuch:1' });
    await executor.fail(await executor.instruction('start_sandbox'), 'socket hang up');
    world.clock.advance(1000);
    await executor.fail(await executor.instruction('start_sandbox', 2), 'no such image: nosuch:1', 'image_not_found');
    await executor.answer(await executor.instruction('stop_sandbox'));
    const ended = await world.sandbox(id, ({ status }) => status === 'terminated');
    expect(ended).toMatchObject({ outcome: 'start_failed', failure: { reason: 'image_not_found', message: 'no such image: nosuch:1' } });
  });

  it('has its secrets sent to the executor only, and forgotten when it ends', async () => {
    const world = await ControlWorld.create();
    const executor = await world.connect({ auto: true });
    const sandbox = await world.runningSandbox({ env: { A: '1' }, secrets: { TOKEN: 'hush' } });
    expect(JSON.stringify(sandbox)).not.toContain('hush');
    expect(await executor.instruction('start_sandbox')).toMatchObject({ secretEnv: { TOKEN: 'hush' }, spec: { env: { A: '1' } } });
    await world.control.deleteSandbox(NS, sandbox.id);
    await world.sandbox(sandbox.id, ({ status }) => status === 'terminated');
    expect(await world.store.get(secretsKey(sandbox.id))).toBeUndefined();
  });

  it('is paused and resumed, and tells what is wrong when it cannot be', async () => {
    const world = await ControlWorld.create();
    const executor = await world.connect({ auto: true });
    const { id } = await world.runningSandbox();
    await world.control.pauseSandbox(NS, id);
    await world.sandbox(id, ({ status }) => status === 'paused');
    expect((await world.control.pauseSandbox(NS, id)).status).toBe('paused');
    await world.control.resumeSandbox(NS, id, {});
    await world.sandbox(id, ({ status }) => status === 'running');
    executor.auto = false;
    await world.control.pauseSandbox(NS, id);
    await executor.fail(await executor.instruction('pause_sandbox', 2), 'freezer: busy');
    expect(await world.control.getSandbox(NS, id)).toMatchObject({ status: 'running', failure: { message: 'freezer: busy' } });
    await world.control.deleteSandbox(NS, id);
    await expect(world.control.pauseSandbox(NS, id)).rejects.toMatchObject({ reason: 'sandbox_not_running' });
  });

  it('ends at its timeout', async () => {
    const world = await ControlWorld.create();
    await world.connect({ auto: true });
    const { id } = await world.runningSandbox({ timeoutSecs: 30 });
    world.clock.advance(29_000);
    expect((await world.control.getSandbox(NS, id)).status).toBe('running');
    world.clock.advance(1_000);
    expect(await world.sandbox(id, ({ status }) => status === 'terminated')).toMatchObject({ outcome: 'timeout' });
  });

  it('ends when its main process does', async () => {
    const world = await ControlWorld.create();
    const executor = await world.connect({ auto: true });
    const { id } = await world.runningSandbox();
    await world.plane.gateway.sandboxEnded(executor.id, id, { exitCode: 3, oomKilled: false });
    expect(await world.sandbox(id, ({ status }) => status === 'terminated')).toMatchObject({ outcome: 'exited', exitCode: 3 });
  });

  it('can be read for a day after its end, then is forgotten', async () => {
    const world = await ControlWorld.create();
    await world.connect({ auto: true });
    const { id } = await world.runningSandbox();
    await world.control.deleteSandbox(NS, id);
    await world.sandbox(id, ({ status }) => status === 'terminated');
    await world.passHours(23);
    expect((await world.control.getSandbox(NS, id)).status).toBe('terminated');
    await world.passHours(3);
    await expect(world.control.getSandbox(NS, id)).rejects.toMatchObject({ reason: 'sandbox_not_found' });
  });

  it('exists in its namespace only', async () => {
    const world = await ControlWorld.create();
    const { id } = await world.control.createSandbox(NS, {});
    const other = parseNamespace('other');
    await expect(world.control.getSandbox(other, id)).rejects.toMatchObject({ reason: 'sandbox_not_found' });
    await expect(world.control.deleteSandbox(other, id)).rejects.toMatchObject({ reason: 'sandbox_not_found' });
    await expect(world.control.createSnapshot(other, id, {})).rejects.toMatchObject({ reason: 'sandbox_not_found' });
    expect((await world.control.listSandboxes(other, {}, { limit: 10 })).items).toEqual([]);
  });

  it.each([
    [{ image: 'UPPER case' }, 'invalid_image'],
    [{ image: 'debian:12\n' }, 'invalid_image'],
    [{ image: '../../etc' }, 'invalid_image'],
    [{ resources: { cpus: 65 } }, 'invalid_resources'],
    [{ resources: { memoryMb: 1e9 } }, 'invalid_resources'],
    [{ resources: { diskMb: 10 } }, 'invalid_resources'],
    [{ runtime: 'runsc' }, 'unsupported_runtime'],
  ])('is refused when nothing could ever run it: %j', async (request, reason) => {
    const world = await ControlWorld.create();
    await world.connect();
    await expect(world.control.createSandbox(NS, request)).rejects.toMatchObject({ reason });
  });
});

describe('an executor', () => {
  it('that goes and returns within the grace period loses nothing', async () => {
    const world = await ControlWorld.create();
    const executor = await world.connect({ auto: true });
    const { id } = await world.runningSandbox();
    executor.sandboxes = [{ sandboxId: id, clusterId: CLUSTER, state: 'running', exitCode: 0, oomKilled: false }];
    await executor.disconnect();
    expect(await world.control.getExecutor(executor.id)).toMatchObject({ status: 'offline' });
    world.clock.advance(119_000);
    await executor.connect(world.plane.gateway);
    world.clock.advance(1_000_000);
    expect(await world.control.getExecutor(executor.id)).toMatchObject({ status: 'online' });
    expect(await world.control.getSandbox(NS, id)).toMatchObject({ status: 'running' });
    expect(executor.discards).toEqual({ sandboxIds: [], snapshotIds: [] });
  });

  it('that stays away is lost: its sandboxes end, its unfinished snapshots fail; when it returns, what is left is discarded', async () => {
    const world = await ControlWorld.create();
    const executor = await world.connect({ auto: true });
    const sandbox = await world.runningSandbox();
    const active = await world.activeSnapshot(sandbox);
    executor.auto = false;
    const { id: unfinished } = await world.control.createSnapshot(NS, sandbox.id, {});
    await executor.instruction('create_snapshot', 2);
    await executor.disconnect();
    world.clock.advance(120_000);
    expect(await world.sandbox(sandbox.id, ({ status }) => status === 'terminated')).toMatchObject({ outcome: 'executor_lost' });
    expect(await world.snapshot(unfinished, ({ status }) => status === 'failed')).toMatchObject({ error: { reason: 'executor_lost' } });
    expect(await world.control.getSnapshot(NS, active.id)).toMatchObject({ status: 'active' });

    const [foreign, unknown] = [`sb-${'e'.repeat(32)}`, `sb-${'f'.repeat(32)}`] as [typeof sandbox.id, typeof sandbox.id];
    const state = { state: 'running', exitCode: 0, oomKilled: false } as const;
    executor.sandboxes = [
      { sandboxId: sandbox.id, clusterId: CLUSTER, ...state },
      { sandboxId: unknown, clusterId: CLUSTER, ...state },
      { sandboxId: foreign, clusterId: 'another cluster', ...state },
    ];
    const unknownSnapshot = `snap-${'f'.repeat(32)}` as typeof active.id;
    executor.snapshots = [active.id, unknownSnapshot].map((snapshotId) => ({ snapshotId, clusterId: CLUSTER, digest: 'sha256:0' }));
    await executor.connect(world.plane.gateway);
    expect(executor.discards).toEqual({ sandboxIds: [sandbox.id, unknown], snapshotIds: [unknownSnapshot] });
  });

  it('tells at its return what ended or went while it was away', async () => {
    const world = await ControlWorld.create();
    const executor = await world.connect({ auto: true });
    const [exited, vanished] = [await world.runningSandbox(), await world.runningSandbox()];
    executor.sandboxes = [{ sandboxId: exited.id, clusterId: CLUSTER, state: 'exited', exitCode: 137, oomKilled: true }];
    await executor.disconnect();
    await executor.connect(world.plane.gateway);
    expect(await world.sandbox(exited.id, ({ status }) => status === 'terminated')).toMatchObject({ outcome: 'oom_killed', exitCode: 137 });
    expect(await world.sandbox(vanished.id, ({ status }) => status === 'terminated')).toMatchObject({ outcome: 'vanished' });
  });

  it('tells at its return whether a sandbox is frozen, should a pause have been done that nobody heard of', async () => {
    const world = await ControlWorld.create();
    const executor = await world.connect({ auto: true });
    const { id } = await world.runningSandbox();
    executor.auto = false;
    await world.control.pauseSandbox(NS, id);
    await executor.instruction('pause_sandbox');
    await executor.disconnect();
    world.clock.advance(30_000);
    expect(await world.sandbox(id, ({ operation }) => operation === undefined)).toMatchObject({ status: 'running' });
    executor.sandboxes = [{ sandboxId: id, clusterId: CLUSTER, state: 'paused', exitCode: 0, oomKilled: false }];
    await executor.connect(world.plane.gateway);
    expect(await world.control.getSandbox(NS, id)).toMatchObject({ status: 'paused' });
  });

  it('gets every open operation again when it connects anew, and nothing that is done', async () => {
    const world = await ControlWorld.create();
    const executor = await world.connect({ auto: true });
    const sandbox = await world.runningSandbox();
    executor.auto = false;
    await world.control.createSnapshot(NS, sandbox.id, {});
    const first = await executor.instruction('create_snapshot');
    executor.sandboxes = [{ sandboxId: sandbox.id, clusterId: CLUSTER, state: 'running', exitCode: 0, oomKilled: false }];
    await executor.disconnect();
    await executor.connect(world.plane.gateway);
    const again = await executor.instruction('create_snapshot', 2);
    expect(again).toMatchObject({ id: first.id, attempt: first.attempt });
    expect(executor.received.filter(({ kind }) => kind === 'start_sandbox')).toHaveLength(1);
  });

  it('that is cordoned takes no new sandboxes until it is uncordoned', async () => {
    const world = await ControlWorld.create();
    const executor = await world.connect({ auto: true });
    await world.control.setCordoned(executor.id, true);
    const { id } = await world.control.createSandbox(NS, {});
    expect((await world.sandbox(id, ({ pendingReason }) => pendingReason !== undefined)).pendingReason).toContain('cordoned');
    await world.control.setCordoned(executor.id, false);
    await world.sandbox(id, ({ status }) => status === 'running');
  });
});
