import { expect, test } from 'vitest';
import { SandglassError } from '../model/errors.ts';
import { idFromHex, type Namespace } from '../model/ids.ts';
import type { StartRequest } from './driver.ts';
import { FakeDriver } from './fake-driver.ts';
import { FakeCrash } from './fault-plan.ts';

const NEVER = new AbortController().signal;
const sandboxId = idFromHex('sandbox', '1'.repeat(32));
const snapshotId = idFromHex('snapshot', '2'.repeat(32));
const namespace = 'tests' as Namespace;
const START: StartRequest = {
  sandboxId,
  namespace,
  clusterId: 'c',
  secretEnv: {},
  spec: {
    image: 'fake:1',
    resources: { cpus: 1, memoryMb: 64 },
    env: {},
    secretNames: [],
    timeoutSecs: 0,
    onTimeout: 'terminate',
    network: { allowInternetAccess: true },
    exposedPorts: [],
  },
};
const CAPTURE = { sandboxId, snapshotId, namespace, clusterId: 'c', imageRef: `sandglass/tests:${snapshotId}` };
const start = (driver: FakeDriver, signal = NEVER) => driver.startSandbox(START, () => {}, signal);
const capture = (driver: FakeDriver) => driver.captureSnapshot(CAPTURE, () => {}, NEVER);

test('a step that is held waits until it is released', async () => {
  const driver = new FakeDriver();
  const hold = driver.faults.hold('start.run');
  const starting = start(driver);
  await hold.reached;
  expect(driver.engine.containers.get(sandboxId)?.state).toBe('created');
  hold.release();
  await starting;
  expect(driver.engine.containers.get(sandboxId)?.state).toBe('running');
});

test('a call that is given up at a held step leaves nothing', async () => {
  const driver = new FakeDriver();
  const hold = driver.faults.hold('start.run');
  const controller = new AbortController();
  const starting = start(driver, controller.signal);
  await hold.reached;
  controller.abort(new Error('enough'));
  await expect(starting).rejects.toThrow('enough');
  expect(driver.engine.containers.size).toBe(0);
});

test('a step fails as often as it is told to, and the sandbox is thawed each time', async () => {
  const driver = new FakeDriver();
  await start(driver);
  driver.faults.fail('capture.commit', new SandglassError('disk_full', 'no space'), 2);
  for (const _ of [1, 2]) {
    await expect(capture(driver)).rejects.toMatchObject({ reason: 'disk_full' });
    expect(driver.engine.containers.get(sandboxId)?.state).toBe('running');
  }
  await capture(driver);
  expect(driver.calls.get('captureSnapshot')).toBe(3);
});

test('a driver that dies in a capture leaves the sandbox frozen, and the next one thaws it', async () => {
  const driver = new FakeDriver();
  await start(driver);
  driver.faults.die('capture.commit');
  await expect(capture(driver)).rejects.toBeInstanceOf(FakeCrash);
  await expect(driver.inventory(NEVER)).rejects.toBeInstanceOf(FakeCrash);
  expect(driver.engine.containers.get(sandboxId)?.state).toBe('paused');

  const next = new FakeDriver({ engine: driver.engine });
  await next.recover(NEVER);
  expect(driver.engine.containers.get(sandboxId)?.state).toBe('running');
  await capture(next);
});

test('a driver that dies in a start leaves a container that the next one removes', async () => {
  const driver = new FakeDriver();
  driver.faults.die('start.run');
  await expect(start(driver)).rejects.toBeInstanceOf(FakeCrash);
  expect(driver.engine.containers.size).toBe(1);
  await new FakeDriver({ engine: driver.engine }).recover(NEVER);
  expect(driver.engine.containers.size).toBe(0);
});

test('the end of a sandbox is an event, and an engine that goes away ends the events', async () => {
  const driver = new FakeDriver();
  await start(driver);
  const events = driver.events(NEVER)[Symbol.asyncIterator]();
  const first = events.next();
  driver.engine.endSandbox(sandboxId, 137, true);
  expect((await first).value).toEqual({ sandboxId, exitCode: 137, oomKilled: true });
  const second = events.next();
  driver.engine.goAway();
  await expect(second).rejects.toMatchObject({ reason: 'engine_unavailable' });
  await expect(driver.inventory(NEVER)).rejects.toMatchObject({ reason: 'engine_unavailable' });
  driver.engine.comeBack();
  expect((await driver.inventory(NEVER)).sandboxes).toEqual([
    { sandboxId, clusterId: 'c', state: 'exited', exitCode: 137, oomKilled: true },
  ]);
});
