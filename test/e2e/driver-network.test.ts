import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Driver } from '../../src/driver/driver.ts';
import type { SandboxId } from '../../src/model/ids.ts';
import { NEVER, newSandboxId, sh, startRequest } from '../contract/driver-contract.ts';
import { DockerWorld } from '../support/docker-world.ts';
import { TEST_LABEL } from '../support/engine.ts';

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

  interface Started {
    readonly driver: Driver;
    readonly sandboxId: SandboxId;
  }

  async function start(driver: Driver = world.driver): Promise<Started> {
    const sandboxId = newSandboxId();
    await driver.startSandbox(startRequest(sandboxId, world.images.busybox), () => {}, NEVER);
    return { driver, sandboxId };
  }

  function make(labels: Readonly<Record<string, string>>) {
    const Labels = { ...labels, [TEST_LABEL]: world.label };
    return world.docker.createNetwork({ Name: world.networkName, CheckDuplicate: false, Driver: 'bridge', Labels });
  }

  async function expectOneNetworkWith(started: readonly Started[]): Promise<void> {
    expect(await networks()).toHaveLength(1);
    for (const { driver, sandboxId } of started) {
      expect((await sh(driver, sandboxId, 'ls /sys/class/net')).stdout).toBe('eth0\nlo\n');
      await driver.stopSandbox(sandboxId, NEVER);
    }
  }

  test('is one, however many sandboxes are the first at the same time, and of however many executors', async () => {
    const drivers = [world.driver, world.newDriver()];
    await expectOneNetworkWith(await Promise.all(Array.from({ length: 6 }, (_, index) => start(drivers[index % 2]))));
  });

  test('is used again when the engine has made two of one name', async () => {
    // What the engine does when it is asked twice at the same time.
    for (let made = 0; made < 2; made++) await make({ 'dev.sandglass.network': 'sandboxes' });
    await expectOneNetworkWith(await Promise.all([start(), start()]));
  });

  test("is somebody else's where there is one of that name", async () => {
    await make({ 'dev.sandglass.network': 'sandboxes' });
    const foreign = await make({});
    await expectOneNetworkWith([await start()]);
    expect(await networks()).toMatchObject([{ Id: foreign.id }]);
  });
});
