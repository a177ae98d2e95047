import { parseImageReference } from '../../model/image-reference.ts';
import type { Captured } from '../../model/snapshot.ts';
import type { CaptureRequest, OnProgress } from '../driver.ts';
import { LABEL, snapshotLabels } from '../labels.ts';
import { watchCommit } from './commit-watch.ts';
import type { DockerContext } from './docker-context.ts';
import { isConflict, isNotFound } from './engine-errors.ts';
import { type ImageFacts, inspectImage } from './image-facts.ts';
import { type SandboxContainer, sandboxContainer } from './own-containers.ts';
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
 * For a sandbox that this process has started, no call goes before the commit and none follows it. Otherwise the engine is
 * asked first whether the sandbox runs, and whether the snapshot is there already.
 */
export async function captureSnapshot(context: DockerContext, request: CaptureRequest, onProgress: OnProgress): Promise<Captured> {
  const { clock, ownContainers } = context;
  const { sandboxId, snapshotId } = request;
  const startedAt = clock.now();
  parseImageReference(request.imageRef);
  const own = ownContainers.findForCapture(sandboxId, snapshotId);
  if (own !== undefined) return await capture(context, request, own, startedAt, onProgress);
  const found = await askEngine(context, request);
  if ('layers' in found) return captured(found, 0, clock.now() - startedAt);
  return await capture(context, request, found, startedAt, onProgress);
}

/** The image of an earlier attempt, or the container to be captured. @throws SandglassError `sandbox_not_running`. */
async function askEngine(
  context: DockerContext,
  { sandboxId, snapshotId, imageRef }: CaptureRequest,
): Promise<ImageFacts | SandboxContainer> {
  const { engine, executorId, log, abandonedCaptures } = context;
  const [existing, container] = await Promise.all([
    inspectImage(engine, imageRef, NEVER),
    requireRunning(engine, executorId, sandboxId, NEVER).catch((error: unknown) => error as Error),
  ]);
  if (existing?.config.Labels?.[LABEL.snapshot] === snapshotId) {
    if (!abandonedCaptures.isTorn(sandboxId, existing)) return existing;
    log.warn({ snapshotId }, 'capturing anew: the sandbox was thawed while the engine captured it');
    await removeSnapshotImages(engine, snapshotId, NEVER);
  }
  if (container instanceof Error) throw container;
  abandonedCaptures.forget(sandboxId);
  return sandboxContainer(container);
}

async function capture(
  context: DockerContext,
  request: CaptureRequest,
  container: SandboxContainer,
  startedAt: number,
  onProgress: OnProgress,
): Promise<Captured> {
  const { engine, clock } = context;
  const committing = commit(context, request, container);
  const watch = watchCommit(context, container.id);
  onProgress({ phase: 'capturing', bytesDone: 0 }); // not before: storing it would hold up the commit
  try {
    const imageId = await committing;
    const captureMs = clock.now() - startedAt;
    const image = (await watch.image(imageId)) ?? (await inspectImage(engine, imageId, NEVER));
    if (image === undefined) throw notRunning(request.sandboxId, 'was captured, but somebody removed the image at once');
    const freezeMs = (await watch.freezeMs()) ?? (await unheardFreezeMs(context, request, captureMs));
    return captured(image, Math.ceil(freezeMs), captureMs);
  } finally {
    watch.stop();
  }
}

/**
 * The engine freezes what runs, so that no freeze was heard of means that the sandbox was frozen already, or had ended, which
 * leaves nothing to be captured; or that we heard badly: then it stood still for no longer than the capture took.
 * @throws SandglassError `sandbox_not_running`.
 */
async function unheardFreezeMs({ engine, executorId }: DockerContext, { sandboxId, snapshotId }: CaptureRequest, captureMs: number) {
  const container = await findContainer(engine, executorId, sandboxId, NEVER);
  if (container?.State.Running) return container.State.Paused ? 0 : captureMs;
  await removeSnapshotImages(engine, snapshotId, NEVER);
  throw notRunning(sandboxId, 'had ended before it could be captured');
}

function captured({ id, sizeBytes, layers }: ImageFacts, freezeMs: number, captureMs: number): Captured {
  return { digest: id, sizeBytes, layerCount: layers.length, freezeMs, captureMs };
}

/** @returns the image's id. */
async function commit(context: DockerContext, request: CaptureRequest, { id, imageId, volumes }: SandboxContainer): Promise<string> {
  const { engine, executorId, extraLabels } = context;
  const source = await context.imageConfig(imageId, NEVER);
  const labels = { ...snapshotLabels({ ...request, executorId }), ...(volumes.length > 0 && { [LABEL.volumes]: '' }), ...extraLabels };
  const colon = request.imageRef.lastIndexOf(':');
  const options = {
    _query: {
      container: id,
      repo: request.imageRef.slice(0, colon),
      tag: request.imageRef.slice(colon + 1),
      comment: snapshotComment(request.snapshotId),
      pause: true,
    },
    _body: snapshotConfig(source, volumes, labels),
  };
  try {
    const { Id } = await engine.call(NEVER, (docker) => docker.getContainer(id).commit(options));
    return Id as string;
  } catch (error) {
    context.ownContainers.forget(request.sandboxId);
    await thawIfLeftFrozen(context, request);
    if (isNotFound(error) || isConflict(error)) throw notRunning(request.sandboxId, 'ended while it was being captured');
    throw error;
  }
}

/** The engine thaws after a failed commit as after any other; this is for the case that it could not. */
async function thawIfLeftFrozen({ engine, executorId, markers, log }: DockerContext, { sandboxId }: CaptureRequest): Promise<void> {
  try {
    if (await markers.has(sandboxId)) return; // somebody has paused it
    const container = await findContainer(engine, executorId, sandboxId, NEVER);
    if (container?.State.Paused) await engine.call(NEVER, (docker) => docker.getContainer(container.Id).unpause());
  } catch (error) {
    log.warn({ err: error, sandboxId }, 'cannot thaw a sandbox after a capture that failed');
  }
}
