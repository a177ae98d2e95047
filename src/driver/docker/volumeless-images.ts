import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import type Docker from 'dockerode';
import { KeyedMutex } from '../../lib/keyed-mutex.ts';
import { SandglassError } from '../../model/errors.ts';
import type { Engine } from './engine.ts';
import { isConflict, isNotFound } from './engine-errors.ts';
import { type ImageFacts, inspectImage, volumesOf } from './image-facts.ts';
import { readJsonLines } from './json-lines.ts';
import { tarOf } from './tar.ts';

const REPOSITORY = 'sandglass-volumeless';

/**
 * Twins of images: the same layers without the declaration of volumes. Docker puts what a container writes to a declared volume
 * outside of its layers, where a snapshot does not find it. A twin costs no space: it is loaded from an archive that names
 * layers and holds none, and the engine takes those that it has.
 */
export class VolumelessImages {
  readonly #engine: Engine;
  /** By image id: between its making and its use, a twin must not be taken for unused. */
  readonly #mutex = new KeyedMutex<string>();

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** Makes sure of the image's twin, and hands its id to `create`, which makes a container from it. */
  use<T>(image: ImageFacts, create: (imageId: string) => Promise<T>, signal: AbortSignal): Promise<T> {
    return this.#mutex.run(image.id, async () => create(await this.#ensure(image, signal)));
  }

  /** Removes the twin that has one of `tags`, if one has and no container uses it. */
  async removeUnused(tags: readonly string[], signal: AbortSignal): Promise<void> {
    const tag = tags.find((text) => text.startsWith(`${REPOSITORY}:`));
    if (tag === undefined) return;
    await this.#mutex.run(`sha256:${tag.slice(REPOSITORY.length + 1)}`, async () => {
      try {
        await this.#engine.call(signal, (docker) => docker.getImage(tag).remove({}));
      } catch (error) {
        if (!isConflict(error) && !isNotFound(error)) throw error; // conflict: in use
      }
    });
  }

  /** Removes all twins that no container uses. */
  async collect(signal: AbortSignal): Promise<void> {
    const filters = JSON.stringify({ reference: [REPOSITORY] });
    const images = await this.#engine.call(signal, (docker) => docker.listImages({ filters, abortSignal: signal }));
    for (const { RepoTags } of images) await this.removeUnused(RepoTags ?? [], signal);
  }

  async #ensure(image: ImageFacts, signal: AbortSignal): Promise<string> {
    const config = JSON.stringify(twinConfig(image));
    const digest = createHash('sha256').update(config).digest('hex');
    const tag = `${REPOSITORY}:${image.id.replace('sha256:', '')}`;
    const id = `sha256:${digest}`;
    if ((await inspectImage(this.#engine, tag, signal))?.id === id) return id;

    const manifest = [{ Config: `${digest}.json`, RepoTags: [tag], Layers: image.layers.map((_, index) => `${index}/layer.tar`) }];
    const archive = tarOf({ 'manifest.json': JSON.stringify(manifest), [`${digest}.json`]: config });
    const load = (docker: Docker) => docker.loadImage(Readable.from([archive]), { quiet: true, abortSignal: signal });
    for await (const line of readJsonLines(await this.#engine.call(signal, load), signal)) {
      if ('error' in line) throw new SandglassError('engine_error', `cannot make an image without volumes: ${String(line.error)}`);
    }
    return id;
  }
}

/** Whether an image needs a twin. */
export function declaresVolumes(image: ImageFacts): boolean {
  return volumesOf(image.config).length > 0;
}

/** Source: OCI image configuration. The history has one entry for each layer, as tools expect that compare the two. */
function twinConfig({ config, layers, platform, created }: ImageFacts): object {
  const { Volumes: _volumes, ...rest } = config;
  return {
    ...platform,
    created,
    config: rest,
    rootfs: { type: 'layers', diff_ids: layers },
    history: layers.map(() => ({ created })),
  };
}
