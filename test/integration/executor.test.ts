import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { FakeDriver } from '../../src/driver/fake-driver.ts';
import { FakeEngine } from '../../src/driver/fake-engine.ts';
import { newId } from '../../src/main/new-id.ts';
import { SandglassError } from '../../src/model/errors.ts';
import { createSnapshot, GrpcWorld, SPEC, until } from '../support/grpc-world.ts';

const START = { kind: 'start_sandbox', spec: SPEC, secretEnv: {} } as const;
const RECONNECT = { baseMs: 100, maxMs: 100 };

let world: GrpcWorld;
beforeEach(async () => {
  world = await GrpcWorld.start();
});
afterEach(() => world.close());

describe('operations', () => {
  test('of every kind are carried out and answered', async () => {
    const { executorId, driver } = await world.connectedExecutor();
    const sandboxId = newId('sandbox');
    const snapshotId = newId('snapshot');
    const state = () => driver.engine.containers.get(sandboxId)?.state;

    const start = { ...START, secretEnv: { TOKEN: 's3cret' } };
    expect(await world.perform(executorId, start, { sandboxId })).toEqual({ outcome: 'done' });
    const { request } = driver.engine.containers.get(sandboxId) ?? {};
    expect(request).toMatchObject({ clusterId: 'cluster-test', namespace: 'default', spec: SPEC, secretEnv: { TOKEN: 's3cret' } });

    expect(await world.perform(executorId, { kind: 'pause_sandbox' }, { sandboxId })).toEqual({ outcome: 'done' });
    expect(state()).toBe('paused');
    expect(await world.perform(executorId, { kind: 'resume_sandbox' }, { sandboxId })).toEqual({ outcome: 'done' });
    expect(state()).toBe('running');

    const captured = await world.perform(executorId, createSnapshot(snapshotId), { sandboxId });
    const image = driver.engine.images.get(snapshotId);
    expect(captured).toMatchObject({ outcome: 'captured', captured: { digest: image?.digest, layerCount: 1, freezeMs: 1, captureMs: 2 } });

    const source = { snapshotId, imageRef: `sandglass/default:${snapshotId}`, digest: image?.digest ?? '' };
    expect(await world.perform(executorId, { ...START, source })).toEqual({ outcome: 'done' });
    expect(await world.perform(executorId, { kind: 'stop_sandbox' }, { sandboxId })).toEqual({ outcome: 'done' });
    expect(state()).toBeUndefined();
    expect(await world.perform(executorId, { kind: 'delete_snapshot', snapshotId })).toEqual({ outcome: 'done' });
    expect(driver.engine.images.size).toBe(0);
  });

  test('that fail are answered with the reason and message of the driver', async () => {
    const { executorId, driver } = await world.connectedExecutor();
    driver.faults.fail('start.fetch', new SandglassError('image_not_found', 'there is no image nosuch:1'));
    expect(await world.perform(executorId, START)).toEqual({
      outcome: 'failed',
      failure: { reason: 'image_not_found', message: 'there is no image nosuch:1' },
    });
  });

  test('beyond all bounds fail, and cost nobody else the session', async () => {
    const { executorId } = await world.connectedExecutor();
    const env = Object.fromEntries(Array.from({ length: 200 }, (_, n) => [`V${n}`, 'x'.repeat(100_000)]));
    expect(await world.perform(executorId, { ...START, spec: { ...SPEC, env } })).toMatchObject({
      outcome: 'failed',
      failure: { reason: 'invalid_request', message: expect.stringContaining('spec.env') },
    });
    await world.startSandbox(executorId);
    expect(world.connectionsOf(executorId)).toBe(1);
  });

  test('on one sandbox run one after another: its stop comes after its capture', async () => {
    const { executorId, driver } = await world.connectedExecutor();
    const sandboxId = await world.startSandbox(executorId);
    const commit = driver.faults.hold('capture.commit');
    const capture = world.issue(executorId, createSnapshot(newId('snapshot')), { sandboxId });
    await commit.reached;
    const stop = world.issue(executorId, { kind: 'stop_sandbox' }, { sandboxId });
    await world.startSandbox(executorId); // others go on meanwhile
    expect(driver.calls.get('stopSandbox')).toBeUndefined();
    commit.release();
    expect(await world.resultOf(capture)).toMatchObject({ outcome: 'captured' });
    expect(await world.resultOf(stop)).toEqual({ outcome: 'done' });
    expect(world.gateway.of('result').map(({ ref }) => ref.operationId)).toEqual(expect.arrayContaining([capture.id, stop.id]));
  });

  test('that remove a snapshot wait for its capture, so that no image is left', async () => {
    const { executorId, driver } = await world.connectedExecutor();
    const sandboxId = await world.startSandbox(executorId);
    const snapshotId = newId('snapshot');
    const commit = driver.faults.hold('capture.commit');
    const capture = world.issue(executorId, createSnapshot(snapshotId), { sandboxId });
    await commit.reached;
    world.gateway.cancel(executorId, capture.id);
    const removal = world.issue(executorId, { kind: 'delete_snapshot', snapshotId });
    await world.startSandbox(executorId);
    expect(driver.calls.get('removeSnapshot')).toBeUndefined();
    commit.release();
    expect(await world.resultOf(removal)).toEqual({ outcome: 'done' });
    expect(driver.engine.images.size).toBe(0);
    expect(world.gateway.resultsOf(capture.id)).toEqual([]);
  });

  test('run as many at a time as is configured, and no more', async () => {
    const { executorId, driver } = await world.connectedExecutor({ concurrency: { starts: 2, captures: 1 } });
    const fetch = driver.faults.hold('start.fetch');
    const starts = [1, 2, 3].map(() => world.issue(executorId, START));
    await until(() => driver.calls.get('startSandbox') === 2);
    expect(await world.perform(executorId, { kind: 'stop_sandbox' })).toEqual({ outcome: 'done' });
    expect(driver.calls.get('startSandbox')).toBe(2);
    fetch.release();
    for (const start of starts) expect(await world.resultOf(start)).toEqual({ outcome: 'done' });
  });

  test('whose time is up fail with deadline_exceeded, whether they run or wait', async () => {
    const { executorId, driver } = await world.connectedExecutor({ concurrency: { starts: 1, captures: 1 } });
    driver.faults.hold('start.fetch');
    const running = world.issue(executorId, START, { timeoutMs: 100 });
    const waiting = world.issue(executorId, START, { timeoutMs: 50 });
    for (const start of [waiting, running]) {
      expect(await world.resultOf(start)).toMatchObject({ outcome: 'failed', failure: { reason: 'deadline_exceeded' } });
    }
    expect(driver.calls.get('startSandbox')).toBe(1);
    expect(driver.engine.containers.size).toBe(0);
  });

  test('that are cancelled: a start is given up and leaves nothing, a capture finishes, neither is reported', async () => {
    const { executorId, driver } = await world.connectedExecutor();
    const sandboxId = await world.startSandbox(executorId);
    const commit = driver.faults.hold('capture.commit');
    const snapshotId = newId('snapshot');
    const capture = world.issue(executorId, createSnapshot(snapshotId), { sandboxId });
    const run = driver.faults.hold('start.run');
    const start = world.issue(executorId, START);
    await Promise.all([commit.reached, run.reached]);

    world.gateway.cancel(executorId, capture.id);
    world.gateway.cancel(executorId, start.id);
    await until(() => driver.engine.containers.size === 1);
    commit.release();
    run.release();
    await until(() => driver.engine.images.has(snapshotId));
    await world.startSandbox(executorId);
    expect(world.gateway.resultsOf(capture.id)).toEqual([]);
    expect(world.gateway.resultsOf(start.id)).toEqual([]);
  });

  test('to stop a sandbox give up its start', async () => {
    const { executorId, driver } = await world.connectedExecutor();
    const sandboxId = newId('sandbox');
    const fetch = driver.faults.hold('start.fetch');
    world.issue(executorId, START, { sandboxId });
    await fetch.reached;
    expect(await world.perform(executorId, { kind: 'stop_sandbox' }, { sandboxId })).toEqual({ outcome: 'done' });
    expect(driver.engine.containers.size).toBe(0);
  });

  test('that arrive again are not done again', async () => {
    const { executorId, driver } = await world.connectedExecutor();
    const fetch = driver.faults.hold('start.fetch');
    const start = world.issue(executorId, START);
    await fetch.reached;
    world.gateway.issue(start); // while it is at work
    await world.perform(executorId, { kind: 'stop_sandbox' });
    fetch.release();
    await world.resultOf(start);
    world.gateway.issue(start); // when it has finished
    await until(() => world.gateway.resultsOf(start.id).length === 2);
    expect(world.gateway.resultsOf(start.id)).toEqual([{ outcome: 'done' }, { outcome: 'done' }]);
    expect(driver.calls.get('startSandbox')).toBe(1);
  });

  test('report their progress, the first at once and then the latest every 250 ms', async () => {
    const { executorId } = await world.connectedExecutor({ driver: new ChattyDriver() });
    const start = world.issue(executorId, START);
    await world.resultOf(start);
    const reports = world.gateway.of('progress').map(({ progress }) => progress.bytesDone);
    expect(reports[0]).toBe(0);
    expect(reports.length).toBeGreaterThanOrEqual(2);
    expect(reports.length).toBeLessThanOrEqual(5);
  });
});

/** Reports progress a thousand times a second for 600 ms. */
class ChattyDriver extends FakeDriver {
  override async startSandbox(...[request, onProgress, signal]: Parameters<FakeDriver['startSandbox']>) {
    const endAt = Date.now() + 600;
    for (let bytesDone = 0; Date.now() < endAt; bytesDone += 1) {
      onProgress({ phase: 'pulling', bytesDone });
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    return super.startSandbox(request, () => {}, signal);
  }
}

describe('results', () => {
  test('that the link swallows are repeated on the next session', async () => {
    const { executorId, driver } = await world.connectedExecutor({ reconnect: RECONNECT });
    const fetch = driver.faults.hold('start.fetch');
    const start = world.issue(executorId, START);
    await fetch.reached;
    world.proxy.refuse();
    await until(() => world.gateway.of('disconnected').length === 1);
    fetch.release();
    await until(() => driver.engine.containers.size === 1);
    world.proxy.forward();
    expect(await world.resultOf(start)).toEqual({ outcome: 'done' });
    expect(driver.calls.get('startSandbox')).toBe(1);
  });

  test('survive a restart of the server', async () => {
    const { executorId, driver } = await world.connectedExecutor({ reconnect: RECONNECT });
    const sandboxId = await world.startSandbox(executorId);
    const commit = driver.faults.hold('capture.commit');
    const capture = world.issue(executorId, createSnapshot(newId('snapshot')), { sandboxId });
    await commit.reached;
    await world.restartServer(async () => {
      commit.release();
      await until(() => driver.engine.images.size === 1);
    });
    expect(await world.resultOf(capture)).toMatchObject({ outcome: 'captured' });
    expect(driver.calls.get('captureSnapshot')).toBe(1);
  });

  test('that could not be stored are not acknowledged, and come again', async () => {
    const { executorId } = await world.connectedExecutor({ reconnect: RECONNECT });
    let refused = 0;
    const start = world.issue(executorId, START);
    world.gateway.beforeResult = async ({ operationId }) => {
      if (operationId !== start.id) return;
      refused += 1;
      throw new Error('the disk is full');
    };
    await until(() => refused === 1);
    await world.startSandbox(executorId); // an acknowledgement would be there before it
    world.gateway.beforeResult = async () => {};
    world.proxy.cut();
    expect(await world.resultOf(start)).toEqual({ outcome: 'done' });
    await world.startSandbox(executorId); // the acknowledgement is there before it
    world.proxy.cut();
    await until(() => world.connectionsOf(executorId) === 3);
    await world.startSandbox(executorId);
    expect(world.gateway.resultsOf(start.id)).toHaveLength(1); // acknowledged: it came no more
  });
});

describe('an executor that starts', () => {
  test('makes safe what the last process left, then says what there is, then carries out what is open', async () => {
    const engine = new FakeEngine();
    const first = await world.connectedExecutor({ fake: { engine } });
    const { executorId } = first;
    const [captured, exited] = [await world.startSandbox(executorId), await world.startSandbox(executorId)];
    engine.endSandbox(exited, 3);
    await until(() => world.gateway.of('ended').length === 1);
    first.driver.faults.die('capture.commit');
    const snapshotId = newId('snapshot');
    const capture = world.issue(executorId, createSnapshot(snapshotId), { sandboxId: captured });
    await world.resultOf(capture);
    await first.executor.close();
    expect(engine.containers.get(captured)).toMatchObject({ state: 'paused', frozenBy: 'capture' });

    const retry = world.issue(executorId, createSnapshot(snapshotId), { sandboxId: captured, attempt: 2 });
    await world.connectedExecutor({ executorId, fake: { engine } });
    expect(world.gateway.of('connected').at(-1)?.inventory.sandboxes).toEqual([
      { sandboxId: captured, clusterId: 'cluster-test', state: 'running', exitCode: 0, oomKilled: false },
      { sandboxId: exited, clusterId: 'cluster-test', state: 'exited', exitCode: 3, oomKilled: false },
    ]);
    expect(await world.resultOf(retry)).toMatchObject({ outcome: 'captured' });
  });

  test('waits for the engine', async () => {
    const engine = new FakeEngine();
    engine.goAway();
    const { executorId, run } = world.newExecutor({ fake: { engine } });
    void run();
    await until(() => world.log.lines.some(({ message }) => message.startsWith('recovery failed')));
    expect(world.connectionsOf(executorId)).toBe(0);
    engine.comeBack();
    await until(() => world.connectionsOf(executorId) === 1);
  });

  test('removes what the server has no record of', async () => {
    const { executorId, driver, executor } = await world.connectedExecutor();
    const sandboxId = await world.startSandbox(executorId);
    const snapshotId = newId('snapshot');
    await world.perform(executorId, createSnapshot(snapshotId), { sandboxId });
    await executor.close();
    world.gateway.discards = { sandboxIds: [sandboxId], snapshotIds: [snapshotId] };
    await world.connectedExecutor({ executorId, driver });
    await until(() => driver.engine.containers.size + driver.engine.images.size === 0);
  });

  test('removes it before anything that the server asks for afterwards', async () => {
    const { executorId, driver, executor } = await world.connectedExecutor();
    const ids = [await world.startSandbox(executorId), await world.startSandbox(executorId)] as const;
    await executor.close();
    world.gateway.discards = { sandboxIds: ids, snapshotIds: [] };
    const removal = driver.faults.hold('stop.remove');
    await world.connectedExecutor({ executorId, driver });
    await removal.reached;
    const again = world.issue(executorId, START, { sandboxId: ids[1] });
    await world.startSandbox(executorId); // others go on meanwhile
    removal.release();
    expect(await world.resultOf(again)).toEqual({ outcome: 'done' });
    await until(() => !driver.engine.containers.has(ids[0]));
    expect(driver.engine.containers.has(ids[1])).toBe(true);
  });
});

describe('a sandbox that ends by itself', () => {
  test('is reported at once', async () => {
    const { executorId, driver } = await world.connectedExecutor();
    const sandboxId = await world.startSandbox(executorId);
    driver.engine.endSandbox(sandboxId, 137, true);
    await until(() => world.gateway.of('ended').length === 1);
    expect(world.gateway.of('ended')).toEqual([{ call: 'ended', executorId, sandboxId, exitCode: 137, oomKilled: true }]);
  });

  test('is reported after its start, however quick it was', async () => {
    const driver = new StillbornDriver();
    const { executorId } = await world.connectedExecutor({ driver });
    world.issue(executorId, START);
    await until(() => world.gateway.of('ended').length === 1);
    expect(world.gateway.calls.map(({ call }) => call).filter((call) => call !== 'progress')).toEqual(['connected', 'result', 'ended']);
  });

  test('between the inventory and the welcome is reported then', async () => {
    const first = await world.connectedExecutor();
    const { executorId, driver } = first;
    const sandboxId = await world.startSandbox(executorId);
    await first.executor.close();
    const welcome = Promise.withResolvers<void>();
    const asked = Promise.withResolvers<void>();
    world.gateway.beforeConnected = () => {
      asked.resolve();
      return welcome.promise;
    };
    void world.newExecutor({ executorId, driver }).run();
    await asked.promise;
    driver.engine.endSandbox(sandboxId, 9);
    welcome.resolve();
    await until(() => world.gateway.of('ended').length === 1);
    expect(world.gateway.of('connected').at(-1)?.inventory.sandboxes).toMatchObject([{ state: 'running' }]);
  });

  test('while the engine did not answer is found afterwards', async () => {
    const { executorId, driver } = await world.connectedExecutor();
    const sandboxId = await world.startSandbox(executorId);
    driver.engine.goAway();
    await until(() => world.log.lines.some(({ message }) => message.startsWith('the events of the engine broke off')));
    driver.engine.endSandbox(sandboxId, 7);
    driver.engine.comeBack();
    await until(() => world.gateway.of('ended').length > 0);
    expect(world.gateway.of('ended')[0]).toMatchObject({ sandboxId, exitCode: 7 });
  });
});

/** Its sandboxes end before anybody has heard that they started. */
class StillbornDriver extends FakeDriver {
  override async startSandbox(...[request, onProgress, signal]: Parameters<FakeDriver['startSandbox']>) {
    await super.startSandbox(request, onProgress, signal);
    this.engine.endSandbox(request.sandboxId, 1);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

describe('an executor that is closed', () => {
  test('finishes the capture that runs, reports it, and leaves sandboxes running', async () => {
    const { executorId, driver, executor } = await world.connectedExecutor();
    const sandboxId = await world.startSandbox(executorId);
    const commit = driver.faults.hold('capture.commit');
    const capture = world.issue(executorId, createSnapshot(newId('snapshot')), { sandboxId });
    await commit.reached;
    const closed = executor.close();
    world.issue(executorId, START); // comes too late
    commit.release();
    await closed;
    expect(world.gateway.resultsOf(capture.id)).toMatchObject([{ outcome: 'captured' }]);
    expect(driver.engine.containers.get(sandboxId)?.state).toBe('running');
    await until(() => world.gateway.of('disconnected').length === 1);
    expect(driver.calls.get('startSandbox')).toBe(1);
  });

  test('does not wait for ever for a driver that hangs', async () => {
    const { executorId, driver, executor } = await world.connectedExecutor({ drainMs: 50 });
    const fetch = driver.faults.hold('start.fetch');
    const start = world.issue(executorId, START);
    await fetch.reached;
    await executor.close();
    expect(world.gateway.resultsOf(start.id)).toEqual([]); // still open: the next process gets it
  });
});
