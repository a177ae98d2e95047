import { mkdir } from 'node:fs/promises';
import type { DockerContext } from './docker-context.ts';
import { engineStatus, isConflict, isNotFound } from './engine-errors.ts';
import { removeContainer } from './remove-container.ts';
import { collectRuntimeBundles } from './runtime-bundle.ts';
import { listContainers } from './sandbox-containers.ts';
import { collectDanglingSnapshots } from './snapshot-images.ts';

/** Makes safe what a crash left over; see `Driver.recover`. Nothing else runs meanwhile. */
export async function recover(context: DockerContext, signal: AbortSignal): Promise<void> {
  const { engine, executorId, markers, log } = context;
  const containers = await listContainers(engine, executorId, signal);
  for (const { Id, State, sandboxId } of containers) {
    if (State === 'created' || State === 'dead') {
      log.info({ sandboxId }, 'removing a container that was never started');
      await removeContainer(context, Id, signal);
    } else if (State === 'paused' && !(await markers.has(sandboxId))) {
      log.warn({ sandboxId }, 'thawing a sandbox that was left frozen');
      await thaw(context, Id, signal);
    }
  }
  const paused = new Set(containers.filter(({ State }) => State === 'paused').map(({ sandboxId }) => sandboxId));
  for (const sandboxId of await markers.list()) if (!paused.has(sandboxId)) await markers.remove(sandboxId);

  await collectDanglingSnapshots(engine, executorId, signal);
  await context.volumelessImages.collect(signal);
  await collectBundles(context, signal);
}

async function thaw({ engine }: DockerContext, containerId: string, signal: AbortSignal): Promise<void> {
  try {
    await engine.call(signal, (docker) => docker.getContainer(containerId).unpause());
  } catch (error) {
    const endedMeanwhile = isNotFound(error) || isConflict(error) || engineStatus(error) === 500;
    if (!endedMeanwhile) throw error;
  }
}

/** Every container of the engine counts: other executors may share the folder. */
async function collectBundles(context: DockerContext, signal: AbortSignal): Promise<void> {
  await mkdir(context.bundleRoot, { recursive: true });
  const [{ directory }, containers] = await Promise.all([
    context.bundle(),
    context.engine.call(signal, (docker) => docker.listContainers({ all: true, abortSignal: signal })),
  ]);
  const mounted = new Set(containers.flatMap(({ Mounts }) => Mounts.map(({ Source }) => Source)));
  await collectRuntimeBundles(context.bundleRoot, directory, mounted);
}
