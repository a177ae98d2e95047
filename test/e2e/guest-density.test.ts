import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { SandboxId } from '../../src/model/ids.ts';
import { NEVER, newSandboxId, run, startRequest } from '../contract/driver-contract.ts';
import { DockerWorld } from '../support/docker-world.ts';

const SANDBOXES = 50;
const AT_A_TIME = 5;

let world: DockerWorld;
beforeAll(async () => {
  world = await DockerWorld.create('density');
});
afterAll(() => world.close());

/** Kilobytes that are no other process's, of all processes of the container. */
async function privateKilobytes(sandboxId: SandboxId): Promise<number> {
  const { Processes } = await world.docker.getContainer(`sandglass-${sandboxId}`).top({ ps_args: '-o pid' });
  const sizes = await Promise.all(
    Processes.map(async ([pid]: string[]) => {
      const rollup = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8').catch(() => '');
      return [...rollup.matchAll(/^Private_(?:Clean|Dirty):\s+(\d+) kB$/gm)].reduce((sum, [, size]) => sum + Number(size), 0);
    }),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}

test('fifty sandboxes that each have run a command take less than 20 MB of private memory each', async () => {
  const sandboxIds = Array.from({ length: SANDBOXES }, newSandboxId);
  const left = [...sandboxIds];
  const work = async () => {
    for (let id = left.pop(); id !== undefined; id = left.pop()) {
      await world.driver.startSandbox(startRequest(id, world.images.busybox), () => {}, NEVER);
      expect((await run(world.driver, id, ['echo', 'up'])).stdout).toBe('up\n');
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, work));
  const sizes = await Promise.all(sandboxIds.map(privateKilobytes));
  expect(Math.min(...sizes)).toBeGreaterThan(0);
  expect(Math.max(...sizes)).toBeLessThan(20 * 1024);
  expect(await readdir(join(world.dataDir, 'guests'))).toHaveLength(SANDBOXES);
});
