import type { ExecutorId, SnapshotId } from '../../model/ids.ts';
import { LABEL } from '../labels.ts';
import type { Engine } from './engine.ts';
import { isConflict, isNotFound } from './engine-errors.ts';
import { type ImageFacts, inspectImage } from './image-facts.ts';

/** The comment of a snapshot's image. Unlike labels, images built on top do not inherit it: it says which image is ours to remove. */
export function snapshotComment(snapshotId: string): string {
  return `Sandglass snapshot ${snapshotId}`;
}

/** A snapshot's image that can be restored: one that has its own reference. */
export interface SnapshotImage {
  readonly snapshotId: SnapshotId;
  readonly clusterId: string;
  readonly digest: string;
}

export async function listSnapshotImages(engine: Engine, signal: AbortSignal): Promise<SnapshotImage[]> {
  const images = await listImages(engine, { label: [LABEL.snapshot] }, signal);
  return images.flatMap(({ Id, RepoTags, Labels }) => {
    const { [LABEL.snapshot]: snapshotId, [LABEL.cluster]: clusterId, [LABEL.imageRef]: imageRef } = Labels ?? {};
    if (!snapshotId || !clusterId || !imageRef || !RepoTags?.includes(imageRef)) return [];
    return [{ snapshotId: snapshotId as SnapshotId, clusterId, digest: Id }];
  });
}

/**
 * Takes the snapshot's reference away, and with it the image unless something still needs it: a sandbox that started from it,
 * whose end then removes it, or another snapshot on top of it, whose removal then takes it along.
 */
export async function removeSnapshotImages(engine: Engine, snapshotId: SnapshotId, signal: AbortSignal): Promise<void> {
  for (const { Id, RepoTags, Labels } of await listImages(engine, { label: [`${LABEL.snapshot}=${snapshotId}`] }, signal)) {
    const imageRef = Labels?.[LABEL.imageRef];
    if (imageRef !== undefined && RepoTags?.includes(imageRef)) await remove(engine, imageRef, { force: true }, signal);
    const image = await inspectImage(engine, Id, signal);
    if (image !== undefined) await removeIfDangling(engine, image, signal);
  }
}

/** Removes a snapshot's image that has lost its reference, or never got it, unless something needs it. */
export async function removeIfDangling(engine: Engine, { id, tags, config, comment }: ImageFacts, signal: AbortSignal): Promise<void> {
  const snapshotId = config.Labels?.[LABEL.snapshot];
  if (!snapshotId || tags.length > 0 || comment !== snapshotComment(snapshotId)) return;
  await remove(engine, id, {}, signal);
}

/** Removes what interrupted captures of this executor left: images without a reference. */
export async function collectDanglingSnapshots(engine: Engine, executorId: ExecutorId, signal: AbortSignal): Promise<void> {
  const filters = { dangling: ['true'], label: [`${LABEL.capturedBy}=${executorId}`] };
  for (const { Id } of await listImages(engine, filters, signal)) {
    const image = await inspectImage(engine, Id, signal);
    if (image !== undefined) await removeIfDangling(engine, image, signal);
  }
}

async function remove(engine: Engine, image: string, options: { force?: boolean }, signal: AbortSignal): Promise<void> {
  try {
    await engine.call(signal, (docker) => docker.getImage(image).remove(options));
  } catch (error) {
    if (!isNotFound(error) && !isConflict(error)) throw error; // conflict: in use
  }
}

function listImages(engine: Engine, filters: Readonly<Record<string, string[]>>, signal: AbortSignal) {
  return engine.call(signal, (docker) => docker.listImages({ filters: JSON.stringify(filters), abortSignal: signal }));
}
