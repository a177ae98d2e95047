import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { capture, NEVER, newSandboxId, sh, startRequest } from '../contract/driver-contract.ts';
import { DockerWorld } from '../support/docker-world.ts';
import { TEST_LABEL } from '../support/engine.ts';

describe('a sandbox that the driver has started itself', () => {
  let world: DockerWorld;
  beforeAll(async () => {
    world = await DockerWorld.create('own');
  });
  afterAll(() => world.close());

  async function start() {
    const sandboxId = newSandboxId();
    await world.driver.startSandbox(startRequest(sandboxId, world.images.busybox), () => {}, NEVER);
    return sandboxId;
  }

  const container = (sandboxId: string) => world.docker.getContainer(`sandglass-${sandboxId}`);
  const snapshotImages = () =>
    world.docker.listImages({ all: true, filters: JSON.stringify({ label: [`${TEST_LABEL}=${world.label}`, 'dev.sandglass.snapshot'] }) });

  test('is not captured and runs no commands once it has ended, and leaves no image behind', async () => {
    const sandboxId = await start();
    await container(sandboxId).kill();
    await expect(capture(world.driver, sandboxId)).rejects.toMatchObject({ reason: 'sandbox_not_running' });
    await expect(sh(world.driver, sandboxId, 'true')).rejects.toMatchObject({ reason: 'sandbox_not_running' });
    expect(await snapshotImages()).toEqual([]);
    await world.driver.stopSandbox(sandboxId, NEVER);
  });

  test('is not captured and runs no commands once somebody has removed its container', async () => {
    const sandboxId = await start();
    await container(sandboxId).remove({ force: true });
    await expect(capture(world.driver, sandboxId)).rejects.toMatchObject({ reason: 'sandbox_not_running' });
    await expect(sh(world.driver, sandboxId, 'true')).rejects.toMatchObject({ reason: 'sandbox_not_running' });
  });

  test('that is paused is captured without a freeze', async () => {
    const sandboxId = await start();
    await world.driver.pauseSandbox(sandboxId, NEVER);
    expect((await capture(world.driver, sandboxId)).captured.freezeMs).toBe(0);
    expect((await container(sandboxId).inspect()).State.Paused).toBe(true);
    await world.driver.stopSandbox(sandboxId, NEVER);
  });

  test('is served the same by a driver that has not started it', async () => {
    const sandboxId = await start();
    await world.driver.close();
    const driver = world.newDriver();
    await sh(driver, sandboxId, 'echo new > /file');
    const { snapshot, captured } = await capture(driver, sandboxId);
    expect(captured.freezeMs).toBeGreaterThan(0);
    await driver.stopSandbox(sandboxId, NEVER);
    const restored = newSandboxId();
    await driver.startSandbox({ ...startRequest(restored, world.images.busybox), snapshot }, () => {}, NEVER);
    expect((await sh(driver, restored, 'cat /file')).stdout).toBe('new\n');
    await driver.stopSandbox(restored, NEVER);
  });
});
