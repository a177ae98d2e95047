import type Docker from 'dockerode';
import type { Engine } from './engine.ts';
import { orUndefinedIfMissing } from './engine-errors.ts';

/** An image's own configuration: what a container of it gets when nobody says otherwise. */
export type ImageConfig = Docker.ImageInspectInfo['Config'] & { readonly StopSignal?: string };

/** What we need to know of a local image. Everything but the tags is fixed by its id. */
export interface ImageFacts {
  /** `sha256:` and 64 hexadecimal digits: the digest of its configuration. */
  readonly id: string;
  readonly tags: readonly string[];
  readonly config: ImageConfig;
  readonly comment: string;
  /** Bytes of all layers. */
  readonly sizeBytes: number;
  /** Digests of the unpacked layers, lowest first. */
  readonly layers: readonly string[];
  readonly platform: { readonly architecture: string; readonly os: string; readonly variant?: string };
  readonly created: string;
}

/** The local image that `reference` names; undefined when there is none. `reference` must have been checked, or be an image id. */
export async function inspectImage(engine: Engine, reference: string, signal: AbortSignal): Promise<ImageFacts | undefined> {
  const info = await orUndefinedIfMissing(engine.call(signal, (docker) => docker.getImage(reference).inspect()));
  if (info === undefined) return undefined;
  return {
    id: info.Id,
    tags: info.RepoTags ?? [],
    config: (info.Config ?? {}) as ImageConfig,
    comment: info.Comment,
    sizeBytes: info.Size,
    layers: info.RootFS?.Layers ?? [],
    platform: { architecture: info.Architecture, os: info.Os, ...(info.Variant ? { variant: info.Variant } : {}) },
    created: info.Created,
  };
}

/** Paths that the image declares as volumes. */
export function volumesOf(config: ImageConfig): readonly string[] {
  return Object.keys(config.Volumes ?? {});
}
