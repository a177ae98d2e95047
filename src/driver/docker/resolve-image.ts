import { SandglassError } from '../../model/errors.ts';
import { formatImageReference, parseImageReference } from '../../model/image-reference.ts';
import type { OnProgress, StartRequest } from '../driver.ts';
import { LABEL } from '../labels.ts';
import type { Engine } from './engine.ts';
import { type ImageFacts, inspectImage } from './image-facts.ts';
import { pullImage, type RegistryCredentials } from './pull-image.ts';

/**
 * The local image that a sandbox starts from. An image that is there is used as it is, also under a moving tag; one that is not is pulled.
 * @throws SandglassError `invalid_image`, `snapshot_unavailable`, and what `pullImage` throws.
 */
export function resolveImage(
  engine: Engine,
  request: StartRequest,
  registries: readonly RegistryCredentials[],
  onProgress: OnProgress,
  signal: AbortSignal,
): Promise<ImageFacts> {
  return request.snapshot === undefined
    ? baseImage(engine, request, registries, onProgress, signal)
    : snapshotImage(engine, request.snapshot, signal);
}

async function snapshotImage(engine: Engine, snapshot: NonNullable<StartRequest['snapshot']>, signal: AbortSignal): Promise<ImageFacts> {
  const { snapshotId, imageRef, digest } = snapshot;
  const image = await inspectImage(engine, formatImageReference(parseImageReference(imageRef)), signal);
  if (image?.id === digest) return image;
  const why =
    image === undefined
      ? `its image ${imageRef} is not on this executor`
      : `its image ${imageRef} has the digest ${image.id}, not ${digest}`;
  throw new SandglassError('snapshot_unavailable', `snapshot ${snapshotId} cannot be restored: ${why}`);
}

async function baseImage(
  engine: Engine,
  { spec, namespace }: StartRequest,
  registries: readonly RegistryCredentials[],
  onProgress: OnProgress,
  signal: AbortSignal,
): Promise<ImageFacts> {
  const reference = parseImageReference(spec.image);
  const name = formatImageReference(reference);
  let image = await inspectImage(engine, name, signal);
  if (image === undefined) {
    await pullImage(engine, reference, registries, onProgress, signal);
    image = await inspectImage(engine, name, signal);
  }
  // A tenant's snapshots are images on the same engine, but nobody else's.
  const owner = image?.config.Labels?.[LABEL.namespace];
  if (image === undefined || (owner !== undefined && owner !== namespace)) {
    throw new SandglassError('image_not_found', `there is no image ${spec.image}: check the name and the tag`);
  }
  return image;
}
