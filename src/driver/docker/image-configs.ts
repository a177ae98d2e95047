import { SandglassError } from '../../model/errors.ts';
import type { Engine } from './engine.ts';
import { type ImageConfig, inspectImage } from './image-facts.ts';

/** Most configurations that are kept; they are a few kilobytes each. */
const CAPACITY = 256;

/** Configurations of local images by id, which never change, kept to save a call on every command and capture. */
export class ImageConfigs {
  readonly #engine: Engine;
  readonly #known = new Map<string, ImageConfig>();

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** @throws SandglassError `engine_error` when the image is gone: the engine does not remove it while a container needs it. */
  async get(imageId: string, signal: AbortSignal): Promise<ImageConfig> {
    const known = this.#known.get(imageId);
    if (known !== undefined) return known;
    const image = await inspectImage(this.#engine, imageId, signal);
    if (image === undefined) throw new SandglassError('engine_error', `the image ${imageId} of a running container is gone`);
    const oldest = this.#known.keys().next();
    if (this.#known.size >= CAPACITY && !oldest.done) this.#known.delete(oldest.value);
    this.#known.set(imageId, image.config);
    return image.config;
  }
}
