import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { SandboxId } from '../../src/model/ids.ts';
import { capture, captureRequest, NEVER, newSandboxId, newSnapshotId, sh, startRequest } from '../contract/driver-contract.ts';
import { DockerWorld } from '../support/docker-world.ts';
import { TEST_LABEL } from '../support/engine.ts';

describe('after a crash of the executor', () => {
  let world: DockerWorld;
  beforeAll(async () => {
    world = await DockerWorld.create('recovery');
  });
  afterAll(() => world.close());

  async function start() {
    const sandboxId = newSandboxId();
    await world.driver.startSandbox(startRequest(sandboxId, world.images.busybox), () => {}, NEVER);
    return sandboxId;
  }
  const container = (sandboxId: SandboxId) => world.docker.getContainer(`sandglass-${sandboxId}`);
  const stateOf = async (sandboxId: SandboxId) => (await container(sandboxId).inspect()).State.Status;

  test('a sandbox that was left frozen is thawed; one that somebody paused is not', async () => {
    const [frozen, paused] = [await start(), await start()];
    await container(frozen).pause();
    await world.driver.pauseSandbox(paused, NEVER);
    await world.newDriver().recover(NEVER);
    expect([await stateOf(frozen), await stateOf(paused)]).toEqual(['running', 'paused']);
    for (const id of [frozen, paused]) await world.driver.stopSandbox(id, NEVER);
  });

  test('the engine is let finish a capture that it is at work on, and thaws the sandbox itself', async () => {
    const sandboxId = await start();
    await container(sandboxId).pause();
    const recovered = world.newDriver({ thawPatienceMs: 60_000 }).recover(NEVER);
    const winner = await Promise.race([recovered.then(() => 'recovered'), world.driver.inventory(NEVER).then(() => 'still waiting')]);
    expect([winner, await stateOf(sandboxId)]).toEqual(['still waiting', 'paused']);
    await container(sandboxId).unpause(); // as the engine does at the end of a commit
    await recovered;
    await world.driver.stopSandbox(sandboxId, NEVER);
  });

  test('what a capture brings whose sandbox had to be thawed meanwhile is not taken for a snapshot', async () => {
    const sandboxId = await start();
    await sh(world.driver, sandboxId, 'echo before >/root-file');
    await container(sandboxId).pause();
    const driver = world.newDriver();
    await driver.recover(NEVER);
    const request = captureRequest(sandboxId, newSnapshotId());
    const torn = await world.driver.captureSnapshot(request, () => {}, NEVER); // as if the engine had gone on with it
    const whole = await driver.captureSnapshot(request, () => {}, NEVER);
    expect(whole.digest).not.toBe(torn.digest);
    expect(await driver.captureSnapshot(request, () => {}, NEVER)).toMatchObject({ digest: whole.digest });
    await driver.removeSnapshot(request.snapshotId, NEVER);
    await driver.stopSandbox(sandboxId, NEVER);
  });

  test('a sandbox that was resumed half-way runs', async () => {
    const sandboxId = await start();
    await world.driver.pauseSandbox(sandboxId, NEVER);
    await world.driver.resumeSandbox(sandboxId, NEVER);
    await container(sandboxId).pause(); // as if the engine had not been told yet
    await world.newDriver().recover(NEVER);
    expect(await stateOf(sandboxId)).toBe('running');
    await world.driver.stopSandbox(sandboxId, NEVER);
  });

  test('a mark of a pause that did not happen is forgotten', async () => {
    const sandboxId = await start();
    await world.driver.pauseSandbox(sandboxId, NEVER);
    await container(sandboxId).unpause(); // by somebody else
    await world.newDriver().recover(NEVER);
    expect(await readdir(join(world.dataDir, 'paused'))).toEqual([]);
    await world.driver.stopSandbox(sandboxId, NEVER);
  });

  test('a container that was never started is removed, and a repeated start makes a new one', async () => {
    const [left, repeated] = [newSandboxId(), newSandboxId()];
    for (const sandboxId of [left, repeated]) await leaveHalfMade(sandboxId);
    const driver = world.newDriver();
    await driver.startSandbox(startRequest(repeated, world.images.busybox), () => {}, NEVER);
    expect((await sh(driver, repeated, 'echo up')).stdout).toBe('up\n');
    expect((await world.driver.inventory(NEVER)).sandboxes.map(({ sandboxId }) => sandboxId)).toEqual([repeated]);
    await world.newDriver().recover(NEVER);
    await expect(container(left).inspect()).rejects.toMatchObject({ statusCode: 404 });
    expect(await stateOf(repeated)).toBe('running');
    await world.driver.stopSandbox(repeated, NEVER);
  });

  /** A container as it is between its creation and its start. */
  async function leaveHalfMade(sandboxId: SandboxId): Promise<void> {
    const model = await start();
    const { Config, HostConfig } = await container(model).inspect();
    const Labels = { ...Config.Labels, 'dev.sandglass.sandbox': sandboxId };
    const Mounts = HostConfig.Mounts?.map((mount) => ({ ...mount, Source: mount.Source.replace(model, sandboxId) })) ?? [];
    await mkdir(join(world.dataDir, 'guests', sandboxId), { recursive: true });
    const options = { Image: Config.Image, Entrypoint: Config.Entrypoint ?? [], Labels, HostConfig: { ...HostConfig, Mounts } };
    await world.docker.createContainer({ ...options, name: `sandglass-${sandboxId}` });
    await world.driver.stopSandbox(model, NEVER);
  }

  test('a container that was started, and its guest not told of it, is a whole sandbox after a repeated start', async () => {
    const sandboxId = newSandboxId();
    await leaveHalfMade(sandboxId);
    const driver = world.newDriver();
    const request = startRequest(sandboxId, world.images.busybox, { env: { LATE: 'told' }, entrypoint: ['sleep', '1000'] });
    await container(sandboxId).start();
    await driver.startSandbox(request, () => {}, NEVER);
    expect((await sh(driver, sandboxId, 'echo $LATE; ps')).stdout).toMatch(/^told\n.*sleep 1000/s);
    await driver.stopSandbox(sandboxId, NEVER);
  });

  test('sandboxes of a version without a way to their guests can be captured and stopped, and say why nothing else', async () => {
    const sandboxId = newSandboxId();
    const Labels = { 'dev.sandglass.executor': world.executorId, 'dev.sandglass.sandbox': sandboxId, [TEST_LABEL]: world.label };
    const options = { Image: world.images.busybox, Entrypoint: ['sleep', '1000'], Labels, name: `sandglass-${sandboxId}` };
    await (await world.docker.createContainer(options)).start();
    const driver = world.newDriver();
    await driver.recover(NEVER);
    await expect(driver.connectGuest(sandboxId, NEVER)).rejects.toMatchObject({
      reason: 'guest_unavailable',
      message: expect.stringContaining('earlier version'),
    });
    const { snapshot } = await capture(driver, sandboxId);
    await driver.stopSandbox(sandboxId, NEVER);
    await driver.removeSnapshot(snapshot.snapshotId, NEVER);
  });

  test('folders of sandboxes that are gone are removed', async () => {
    const [kept, gone] = [await start(), newSandboxId()];
    await mkdir(join(world.dataDir, 'guests', gone));
    await world.driver.close();
    const driver = world.newDriver();
    await driver.recover(NEVER);
    expect(await readdir(join(world.dataDir, 'guests'))).toEqual([kept]);
    expect((await sh(driver, kept, 'echo here')).stdout).toBe('here\n');
    await driver.stopSandbox(kept, NEVER);
    expect(await readdir(join(world.dataDir, 'guests'))).toEqual([]);
  });

  test('the image of an interrupted capture is removed, and a repeated capture makes a whole one', async () => {
    const sandboxId = await start();
    const { snapshot, captured } = await capture(world.driver, sandboxId);
    const leaveDangling = () => world.docker.getImage(captured.digest).tag({ repo: 'sandglass-test/kept', tag: '1' });
    await leaveDangling();
    await world.docker.getImage(snapshot.imageRef).remove();
    // Without any name it is what a commit leaves that did not come to naming its image.
    const blocker = await world.docker.createContainer({ Image: captured.digest, Cmd: ['true'] });
    await world.docker.getImage('sandglass-test/kept:1').remove({ force: true });
    await blocker.remove();
    const again = await capture(world.driver, sandboxId, snapshot.snapshotId);
    await world.newDriver().recover(NEVER);
    await expect(world.docker.getImage(captured.digest).inspect()).rejects.toMatchObject({ statusCode: 404 });
    await expect(world.docker.getImage(again.captured.digest).inspect()).resolves.toBeTruthy();
    await world.driver.stopSandbox(sandboxId, NEVER);
    await world.driver.removeSnapshot(snapshot.snapshotId, NEVER);
  });

  test('a capture that is given up goes on in the engine, is found by the next one, and is waited for by a removal', async () => {
    const sandboxId = await start();
    await sh(world.driver, sandboxId, 'dd if=/dev/urandom of=/big bs=1M count=60');
    const snapshotId = newSnapshotId();
    const request = captureRequest(sandboxId, snapshotId);
    const controller = new AbortController();
    const given = world.driver.captureSnapshot(request, () => controller.abort(new Error('given up')), controller.signal);
    await expect(given).rejects.toThrow('given up');
    const joined = await world.driver.captureSnapshot(request, () => {}, NEVER);
    expect((await world.docker.getImage(request.imageRef).inspect()).Id).toBe(joined.digest);
    expect(await stateOf(sandboxId)).toBe('running');

    const second = captureRequest(sandboxId, newSnapshotId());
    const inFlight = world.driver.captureSnapshot(second, () => {}, NEVER);
    await world.driver.removeSnapshot(second.snapshotId, NEVER);
    await inFlight;
    await expect(world.docker.getImage(second.imageRef).inspect()).rejects.toMatchObject({ statusCode: 404 });
    await world.driver.stopSandbox(sandboxId, NEVER);
    await world.driver.removeSnapshot(snapshotId, NEVER);
  });

  test('what belongs to others is neither listed nor touched', async () => {
    const plain = await world.docker.createContainer({ Image: world.images.busybox, Cmd: ['sleep', '1000'] });
    await plain.start();
    await plain.pause();
    const otherSandbox = newSandboxId();
    const other = world.newDriver({ executorId: `exec-${'f'.repeat(32)}` as never });
    await other.startSandbox(startRequest(otherSandbox, world.images.busybox), () => {}, NEVER);
    await container(otherSandbox).pause();
    try {
      await world.driver.recover(NEVER);
      await world.driver.stopSandbox(otherSandbox, NEVER);
      await expect(world.driver.pauseSandbox(otherSandbox, NEVER)).rejects.toMatchObject({ reason: 'sandbox_not_running' });
      expect((await world.driver.inventory(NEVER)).sandboxes).toEqual([]);
      expect((await plain.inspect()).State.Status).toBe('paused');
      expect(await stateOf(otherSandbox)).toBe('paused');
    } finally {
      await plain.remove({ force: true });
      await other.stopSandbox(otherSandbox, NEVER);
    }
  });

  test('runtime bundles that nothing uses are removed, the present one and mounted ones are not', async () => {
    const sandboxId = await start();
    const root = join(world.dataDir, 'runtime');
    const [present] = await readdir(root);
    await mkdir(join(root, 'f'.repeat(64)));
    await mkdir(join(root, '.tmp-interrupted'));
    await world.newDriver().recover(NEVER);
    expect(await readdir(root)).toEqual([present]);
    await world.driver.stopSandbox(sandboxId, NEVER);
  });
});
