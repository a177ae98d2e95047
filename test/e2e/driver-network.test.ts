import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { SandboxId } from '../../src/model/ids.ts';
import { NEVER, newSandboxId, sh, startRequest } from '../contract/driver-contract.ts';
import { DockerWorld } from '../support/docker-world.ts';

describe('the network of sandboxes', () => {
  let world: DockerWorld;
  beforeAll(async () => {
    world = await DockerWorld.create('network');
  });
  afterAll(() => world.close());
  const networks = async () => (await world.docker.listNetworks()).filter(({ Name }) => Name === world.networkName);
  afterEach(async () => {
    for (const { Id } of await networks()) await world.docker.getNetwork(Id).remove();
  });

  async function start(driver = world.driver): Promise<SandboxId> {
    const sandboxId = newSandboxId();
    await driver.startSandbox(startRequest(sandboxId, world.images.busybox), () => {}, NEVER);
    return sandboxId;
  }

  async function expectOneNetworkWith(sandboxIds: readonly SandboxId[]): Promise<void> {
    expect(await networks()).toHaveLength(1);
    for (const sandboxId of sandboxIds) {
      expect((await sh(world.driver, sandboxId, 'ls /sys/class/net')).stdout).toBe('eth0\nlo\n');
      await world.driver.stopSandbox(sandboxId, NEVER);
    }
  }

  test('is one, however many sandboxes are the first at the same time, and of however many executors', async () => {
    const drivers = [world.driver, world.newDriver()];
    await expectOneNetworkWith(await Promise.all(Array.from({ length: 6 }, (_, index) => start(drivers[index % 2]))));
  });

  test('is used again when the engine has made two of one name', async () => {
    // What the engine does when it is asked twice at the same time.
    const options = { Name: world.networkName, CheckDuplicate: false, Driver: 'bridge', Labels: { 'dev.sandglass.network': 'sandboxes' } };
    for (let made = 0; made < 2; made++) await world.docker.createNetwork(options);
    await expectOneNetworkWith(await Promise.all([start(), start()]));
  });

  test("is somebody else's where there is one of that name", async () => {
    const own = { Name: world.networkName, CheckDuplicate: false, Driver: 'bridge', Labels: { 'dev.sandglass.network': 'sandboxes' } };
    await world.docker.createNetwork(own);
    const foreign = await world.docker.createNetwork({ ...own, Labels: {} });
    await expectOneNetworkWith([await start()]);
    expect(await networks()).toMatchObject([{ Id: foreign.id }]);
  });
});
