import type { SandboxId } from '../../model/ids.ts';
import { LABEL } from '../labels.ts';
import type { DockerContext } from './docker-context.ts';
import { engineStatus } from './engine-errors.ts';
import { inspectImage } from './image-facts.ts';
import { removeContainer } from './remove-container.ts';
import { findContainer } from './sandbox-containers.ts';
import { removeIfDangling } from './snapshot-images.ts';

/** Makes sure that nothing is left of the sandbox; see `Driver.stopSandbox`. An entrypoint gets SIGTERM and a few seconds first. */
export async function stopSandbox(context: DockerContext, sandboxId: SandboxId, signal: AbortSignal): Promise<void> {
  const { engine, executorId, markers, ownContainers, doors, measurements, stopGraceSecs } = context;
  ownContainers.forget(sandboxId);
  const container = await findContainer(engine, executorId, sandboxId, signal);
  if (container !== undefined) {
    const { Running: running, Paused: paused } = container.State;
    const hasEntrypoint = container.Config.Labels[LABEL.entrypoint] === 'true';
    if (running && !paused && hasEntrypoint) await stopGently(context, container.Id, stopGraceSecs, signal);
    await removeContainer(context, container.Id, signal);
    await collectImage(context, container.Image, signal);
  }
  await doors.remove(sandboxId);
  measurements.forget(sandboxId);
  await markers.remove(sandboxId);
}

async function stopGently({ engine }: DockerContext, containerId: string, graceSecs: number, signal: AbortSignal): Promise<void> {
  try {
    await engine.call(signal, (docker) => docker.getContainer(containerId).stop({ t: graceSecs, abortSignal: signal }));
  } catch (error) {
    if (engineStatus(error) === undefined) throw error; // an answer, whatever it says, leaves it to the removal
  }
}

/** The image goes with its last sandbox if nothing else needs it: a removed snapshot, or the twin of an image with volumes. */
async function collectImage({ engine, volumelessImages }: DockerContext, imageId: string, signal: AbortSignal): Promise<void> {
  const image = await inspectImage(engine, imageId, signal);
  if (image === undefined) return;
  await volumelessImages.removeUnused(image.tags, signal);
  await removeIfDangling(engine, image, signal);
}
