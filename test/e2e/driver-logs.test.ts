import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { SandboxId } from '../../src/model/ids.ts';
import { NEVER, newSandboxId, run, startRequest } from '../contract/driver-contract.ts';
import { DockerWorld } from '../support/docker-world.ts';

describe('the log of a sandbox', () => {
  let world: DockerWorld;
  beforeAll(async () => {
    world = await DockerWorld.create('logs');
  });
  afterAll(() => world.close());

  async function start(script: string): Promise<SandboxId> {
    const sandboxId = newSandboxId();
    await world.driver.startSandbox(startRequest(sandboxId, world.images.busybox, { entrypoint: ['sh', '-c', script] }), () => {}, NEVER);
    return sandboxId;
  }

  test('tells both streams in order as they come, until the sandbox ends, and can be read again after that', async () => {
    const sandboxId = await start('echo one; echo two >&2; echo three; until test -e /go; do sleep 0.02; done; echo four; echo end');
    const told: string[] = [];
    for await (const { stream, bytes } of world.driver.logs({ sandboxId, follow: true }, NEVER)) {
      told.push(`${stream} ${Buffer.from(bytes)}`);
      if (told.length === 3) await run(world.driver, sandboxId, ['touch', '/go']).catch(() => {}); // the sandbox may end before it can say so
    }
    // What is printed to two pipes at the same time has no order between them.
    expect(told.toSorted()).toEqual(['stderr two', 'stdout end', 'stdout four', 'stdout one', 'stdout three']);
    expect(told.filter((line) => line.startsWith('stdout'))).toEqual(['stdout one', 'stdout three', 'stdout four', 'stdout end']);
    const again = await Array.fromAsync(world.driver.logs({ sandboxId, follow: false, tail: 2 }, NEVER));
    expect(again.map(({ bytes }) => Buffer.from(bytes).toString())).toEqual(['four', 'end']);
    await world.driver.stopSandbox(sandboxId, NEVER);
  });

  test('can be read from a time on', async () => {
    const sandboxId = await start('echo early; sleep 0.2; echo late; sleep 1000');
    const lines = [];
    const controller = new AbortController();
    for await (const line of world.driver.logs({ sandboxId, follow: true }, controller.signal)) {
      lines.push(line);
      if (lines.length === 2) controller.abort();
    }
    const [early, late] = lines.map(({ at }) => at);
    expect(Math.abs(Date.now() - (late ?? 0))).toBeLessThan(60_000);
    expect((late ?? 0) - (early ?? 0)).toBeGreaterThanOrEqual(150);
    const since = await Array.fromAsync(world.driver.logs({ sandboxId, follow: false, since: late ?? 0 }, NEVER));
    expect(since.map(({ bytes }) => Buffer.from(bytes).toString())).toEqual(['late']);
    await world.driver.stopSandbox(sandboxId, NEVER);
  });

  test('gives a very long line in parts, and holds no more of it than is read', async () => {
    const sandboxId = await start('head -c 200000 /dev/zero | busybox tr "\\0" x; echo; echo after; sleep 1000');
    const sizes: number[] = [];
    const controller = new AbortController();
    for await (const { bytes } of world.driver.logs({ sandboxId, follow: true }, controller.signal)) {
      sizes.push(bytes.length);
      if (Buffer.from(bytes).toString() === 'after') controller.abort();
    }
    expect(sizes).toEqual([65_536, 65_536, 65_536, 200_000 - 3 * 65_536, 5]);
    await world.driver.stopSandbox(sandboxId, NEVER);
  });
});

test('a sandbox whose guest ends before it answers does not start, says what it printed, and leaves nothing', async () => {
  const world = await DockerWorld.create('stillborn');
  try {
    const driver = world.newDriver({ node: '/bin/ls' }); // which does not know the options of Node
    const request = startRequest(newSandboxId(), world.images.busybox);
    await expect(driver.startSandbox(request, () => {}, NEVER)).rejects.toMatchObject({
      reason: 'engine_error',
      message: expect.stringMatching(/ended with status 2 before it was ready, and printed: .*unrecognized option/),
    });
    expect((await driver.inventory(NEVER)).sandboxes).toEqual([]);
    await expect(driver.connectGuest(request.sandboxId, NEVER)).rejects.toMatchObject({ reason: 'sandbox_not_running' });
  } finally {
    await world.close();
  }
});
