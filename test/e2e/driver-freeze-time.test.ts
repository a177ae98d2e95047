import { afterAll, beforeAll, expect, test } from 'vitest';
import { capture, NEVER, newSandboxId, startRequest } from '../contract/driver-contract.ts';
import { DockerWorld } from '../support/docker-world.ts';

let world: DockerWorld;
beforeAll(async () => {
  world = await DockerWorld.create('freeze-time');
});
afterAll(() => world.close());

/** Milliseconds between each pause of the container and the unpause after it, by the engine's log of events. */
async function freezesOf(container: string, until: number): Promise<number[]> {
  const filters = JSON.stringify({ container: [container], event: ['pause', 'unpause'] });
  const events = await world.docker.getEvents({ filters, since: 1, until: until / 1000 });
  let text = '';
  for await (const chunk of events) text += chunk;
  const times = text
    .trim()
    .split('\n')
    .map((line) => Number((JSON.parse(line) as { timeNano: number }).timeNano) / 1e6);
  return times.flatMap((time, index) => (index % 2 === 1 ? [time - (times[index - 1] ?? Number.NaN)] : []));
}

test('a capture tells how long the engine kept the sandbox frozen, each time anew', async () => {
  const sandboxId = newSandboxId();
  await world.driver.startSandbox(startRequest(sandboxId, world.images.busybox), () => {}, NEVER);
  const first = await capture(world.driver, sandboxId);
  const second = await capture(world.driver, sandboxId);
  const freezes = await freezesOf(`sandglass-${sandboxId}`, Date.now());
  expect([first, second].map(({ captured }) => captured.freezeMs)).toEqual(freezes.map((ms) => Math.ceil(ms)));
  await world.driver.stopSandbox(sandboxId, NEVER);
});
