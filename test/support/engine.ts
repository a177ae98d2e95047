import type Docker from 'dockerode';
import { findEngine } from '../../src/driver/docker/find-engine.ts';

/** Label of everything that tests make in the engine; its value tells whose it is. */
export const TEST_LABEL = 'dev.sandglass.test';

/** The engine that answers on this machine. `npm test` has started one if there was none. */
export function connectEngine(): Promise<Docker> {
  return findEngine(undefined, process.env, AbortSignal.timeout(10_000));
}

/** Removes the containers, networks and images that carry the test label, or another one, with this value. */
export async function removeLabelled(docker: Docker, value: string, label = TEST_LABEL): Promise<void> {
  const filters = JSON.stringify({ label: [`${label}=${value}`] });
  for (const { Id } of await docker.listContainers({ all: true, filters })) {
    await docker.getContainer(Id).remove({ force: true, v: true }).catch(ignoreInUse); // the executor may be removing it
  }
  for (const { Id } of await docker.listNetworks({ filters })) await docker.getNetwork(Id).remove();
  // A parent can be removed only after its children; each round removes at least the youngest.
  for (let images = await docker.listImages({ filters }), before = Number.POSITIVE_INFINITY; images.length < before; ) {
    for (const { Id } of images) await docker.getImage(Id).remove({ force: true }).catch(ignoreInUse);
    before = images.length;
    images = await docker.listImages({ filters });
  }
}

function ignoreInUse(error: { statusCode?: number }): void {
  if (error.statusCode !== 404 && error.statusCode !== 409) throw error;
}
