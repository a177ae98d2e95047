import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { StartRequest } from '../../src/driver/driver.ts';
import { capture, NEVER, newSandboxId, run, sh, startRequest } from '../contract/driver-contract.ts';
import { DockerWorld } from '../support/docker-world.ts';
import { FakeClock } from '../support/fake-clock.ts';

describe('commands and freezes of the same sandbox', () => {
  let world: DockerWorld;
  beforeAll(async () => {
    world = await DockerWorld.create('freeze');
  });
  afterAll(() => world.close());

  async function start(image = world.images.busybox, more: Partial<StartRequest> = {}) {
    const sandboxId = newSandboxId();
    await world.driver.startSandbox({ ...startRequest(sandboxId, image), ...more }, () => {}, NEVER);
    return sandboxId;
  }

  /** With Docker 20.10, a command that starts just when the sandbox is frozen would block both for ever, and all commands of the engine. */
  test("do not get in each other's way, however they meet", async () => {
    const sandboxId = await start();
    await sh(world.driver, sandboxId, 'dd if=/dev/urandom of=/change bs=1M count=5');
    let isOver = false;
    const commands = [1, 2, 3].map(async () => {
      let count = 0;
      for (; !isOver; count++)
        expect(await sh(world.driver, sandboxId, 'echo here')).toEqual({ exitCode: 0, stdout: 'here\n', stderr: '' });
      return count;
    });
    for (let round = 0; round < 12; round++) {
      const { snapshot } = await capture(world.driver, sandboxId);
      await world.driver.removeSnapshot(snapshot.snapshotId, NEVER);
    }
    isOver = true;
    for (const count of await Promise.all(commands)) expect(count).toBeGreaterThan(0);
    await world.driver.stopSandbox(sandboxId, NEVER);
  });

  test('a command that comes during a capture runs after it, and is not in it', async () => {
    const sandboxId = await start();
    await sh(world.driver, sandboxId, 'dd if=/dev/urandom of=/change bs=1M count=60');
    const filters = JSON.stringify({ container: [`sandglass-${sandboxId}`], event: ['pause'] });
    const events = (await world.docker.getEvents({ filters })) as Readable;
    const capturing = capture(world.driver, sandboxId);
    await once(events, 'data'); // it is frozen
    events.destroy();
    expect(await sh(world.driver, sandboxId, 'echo ran > /late; cat /late')).toMatchObject({ stdout: 'ran\n' });
    const { snapshot } = await capturing;
    const restored = await start(world.images.busybox, { snapshot });
    expect((await sh(world.driver, restored, 'ls /')).stdout).not.toContain('late');
    for (const id of [sandboxId, restored]) await world.driver.stopSandbox(id, NEVER);
    await world.driver.removeSnapshot(snapshot.snapshotId, NEVER);
  });

  test('more commands than there are connections at hand wait for a long capture to end', async () => {
    const clock = new FakeClock();
    const driver = world.newDriver({ clock });
    const sandboxId = newSandboxId();
    await driver.startSandbox(startRequest(sandboxId, world.images.busybox), () => {}, NEVER);
    const container = world.docker.getContainer(`sandglass-${sandboxId}`);
    await container.pause(); // as the engine does for a capture
    const commands = Promise.all(Array.from({ length: 12 }, (_, index) => run(driver, sandboxId, ['echo', `${index}`])));
    for (let round = 0; round < 3; round++) {
      await expect.poll(() => clock.scheduled.length).toBeGreaterThan(0);
      clock.advance(10_000); // longer than a guest is waited for
    }
    await container.unpause();
    expect((await commands).map(({ stdout }) => stdout.trim())).toEqual(Array.from({ length: 12 }, (_, index) => `${index}`));
    await driver.stopSandbox(sandboxId, NEVER);
  });

  test('the engine starts none of its own: health checks of the image are not made', async () => {
    const check = { Test: ['CMD', 'touch', '/checked'], Interval: 10_000_000, Retries: 1 };
    const image = await world.images.configured('healthcheck', { Healthcheck: check, Env: ['PATH=/bin'] });
    const sandboxId = await start(image);
    const { State } = await world.docker.getContainer(`sandglass-${sandboxId}`).inspect();
    expect(State.Health?.Status ?? 'none').toBe('none');
    const { snapshot } = await capture(world.driver, sandboxId);
    const { Config } = await world.docker.getImage(snapshot.imageRef).inspect();
    expect(Config.Healthcheck).toMatchObject(check);
    await world.driver.stopSandbox(sandboxId, NEVER);
  });
});
