import type Docker from 'dockerode';
import { parseImageReference } from '../../model/image-reference.ts';
import type { Captured } from '../../model/snapshot.ts';
import type { CaptureRequest, OnProgress } from '../driver.ts';
import { LABEL, snapshotLabels } from '../labels.ts';
import { watchCommit } from './commit-watch.ts';
import type { DockerContext } from './docker-context.ts';
import { isConflict, isNotFound } from './engine-errors.ts';
import { type ImageFacts, inspectImage } from './image-facts.ts';
import { findContainer, notRunning, requireRunning } from './sandbox-containers.ts';
import { snapshotConfig } from './snapshot-config.ts';
import { removeSnapshotImages, snapshotComment } from './snapshot-images.ts';

const NEVER = new AbortController().signal;

/**
 * Captures the sandbox's files as an image; see `Driver.captureSnapshot`. The engine itself freezes the container for the
 * commit, and thaws it although we may have died. A container that is paused already stays paused.
 *
 * It cannot be called off: the engine goes on with a commit whatever the client does, and has to be waited for.
 *
 * Two calls go before the commit, at the same time, and none follows it: about 2 ms on top of the commit.
 */
export async function captureSnapshot(context: DockerContext, request: CaptureRequest, onProgress: OnProgress): Promise<Captured> {
  const { engine, executorId, clock, log, abandonedCaptures } = context;
  const signal = NEVER;
  const startedAt = clock.now();
  parseImageReference(request.imageRef);
  const [existing, container] = await Promise.all([
    inspectImage(engine, request.imageRef, signal),
    requireRunning(engine, executorId, request.sandboxId, signal).catch((error: unknown) => error as Error),
  ]);
  if (existing?.config.Labels?.[LABEL.snapshot] === request.snapshotId) {
    if (!abandonedCaptures.isTorn(request.sandboxId, existing)) return captured(existing, 0, clock.now() - startedAt);
    log.warn({ snapshotId: request.snapshotId }, 'capturing anew: the sandbox was thawed while the engine captured it');
    await removeSnapshotImages(engine, request.snapshotId, signal);
  }
  if (container instanceof Error) throw container;
  abandonedCaptures.forget(request.sandboxId);

  const committing = commit(context, request, container, signal);
  const watch = watchCommit(context, container.Id);
  onProgress({ phase: 'capturing', bytesDone: 0 }); // not before: storing it would hold up the calls above
  try {
    const imageId = await committing;
    const captureMs = clock.now() - startedAt;
    const image = (await watch.image(imageId)) ?? (await inspectImage(engine, imageId, signal));
    if (image === undefined) throw notRunning(request.sandboxId, 'was captured, but somebody removed the image at once');
    const freezeMs = container.State.Paused ? 0 : ((await watch.freezeMs()) ?? captureMs);
    return captured(image, Math.ceil(freezeMs), captureMs);
  } finally {
    watch.stop();
  }
}

function captured({ id, sizeBytes, layers }: ImageFacts, freezeMs: number, captureMs: number): Captured {
  return { digest: id, sizeBytes, layerCount: layers.length, freezeMs, captureMs };
}

/** @returns the image's id. */
async function commit(
  context: DockerContext,
  request: CaptureRequest,
  container: Docker.ContainerInspectInfo,
  signal: AbortSignal,
): Promise<string> {
  const { engine, executorId, extraLabels } = context;
  const source = await context.imageConfig(container.Image, signal);
  const volumes = JSON.parse(container.Config.Labels[LABEL.volumes] || '[]') as string[];
  const labels = { ...snapshotLabels({ ...request, executorId }), ...(volumes.length > 0 && { [LABEL.volumes]: '' }), ...extraLabels };
  const colon = request.imageRef.lastIndexOf(':');
  const options = {
    _query: {
      container: container.Id,
      repo: request.imageRef.slice(0, colon),
      tag: request.imageRef.slice(colon + 1),
      comment: snapshotComment(request.snapshotId),
      pause: true,
    },
    _body: snapshotConfig(source, volumes, labels),
  };
  try {
    const { Id } = await engine.call(signal, (docker) => docker.getContainer(container.Id).commit(options));
    return Id as string;
  } catch (error) {
    if (!container.State.Paused) await thawIfLeftFrozen(context, request, signal);
    if (isNotFound(error) || isConflict(error)) throw notRunning(request.sandboxId, 'ended while it was being captured');
    throw error;
  }
}

/** The engine thaws after a failed commit as after any other; this is for the case that it could not. */
async function thawIfLeftFrozen(
  { engine, executorId, log }: DockerContext,
  { sandboxId }: CaptureRequest,
  signal: AbortSignal,
): Promise<void> {
  try {
    const container = await findContainer(engine, executorId, sandboxId, signal);
    if (container?.State.Paused) await engine.call(signal, (docker) => docker.getContainer(container.Id).unpause());
  } catch (error) {
    log.warn({ err: error, sandboxId }, 'cannot thaw a sandbox after a capture that failed');
  }
}
