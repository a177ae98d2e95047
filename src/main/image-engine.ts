import type { Readable } from 'node:stream';
import { Engine } from '../driver/docker/engine.ts';
import { orUndefinedIfMissing } from '../driver/docker/engine-errors.ts';
import type { EngineEnvironment } from '../driver/docker/find-engine.ts';
import { readJsonLines } from '../driver/docker/json-lines.ts';
import { SandglassError } from '../model/errors.ts';

/** What making the default image needs of a container engine. Each method throws `engine_unavailable` and `engine_error`. */
export interface ImageEngine {
  has(image: string, signal: AbortSignal): Promise<boolean>;
  /** `onProgress` hears every message of the engine. */
  pull(image: string, onProgress: () => void, signal: AbortSignal): Promise<void>;
  /** @returns id of an image without a name, with the files of the tar archive. */
  importTar(tar: Readable, config: ImportConfig, signal: AbortSignal): Promise<string>;
  /** Gives the image one more name. */
  tag(image: string, name: string, signal: AbortSignal): Promise<void>;
  remove(image: string, signal: AbortSignal): Promise<void>;
}

/** The configuration of an imported image. */
export interface ImportConfig {
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
}

/** @param explicit the configured engine, such as `unix:///var/run/docker.sock`; without it, the usual places are tried. */
export function connectImageEngine(explicit: string | undefined, env: EngineEnvironment): ImageEngine {
  const engine = new Engine(explicit, env);
  return {
    async has(image, signal) {
      const found = await engine.call(signal, (docker) => orUndefinedIfMissing(docker.getImage(image).inspect()));
      return found !== undefined;
    },
    async pull(image, onProgress, signal) {
      const answer = await engine.call(signal, (docker) => docker.pull(image, { abortSignal: signal }));
      for await (const message of readJsonLines(answer, signal)) {
        onProgress();
        throwError(message);
      }
    },
    async importTar(tar, config, signal) {
      const options = { changes: dockerfileOf(config), abortSignal: signal };
      const answer = await engine.call(signal, (docker) => docker.importImage(tar, options));
      let id = '';
      for await (const message of readJsonLines(answer, signal)) {
        throwError(message);
        if (typeof message.status === 'string' && message.status.startsWith('sha256:')) id = message.status;
      }
      if (id === '') throw new SandglassError('engine_error', 'the container engine imported an archive and named no image');
      return id;
    },
    async tag(image, name, signal) {
      const colon = name.lastIndexOf(':');
      const [repo, tag] = colon > name.lastIndexOf('/') ? [name.slice(0, colon), name.slice(colon + 1)] : [name, 'latest'];
      await engine.call(signal, (docker) => docker.getImage(image).tag({ repo, tag }));
    },
    async remove(image, signal) {
      await engine.call(signal, (docker) => orUndefinedIfMissing(docker.getImage(image).remove()));
    },
  };
}

/** The engine takes the configuration as lines of a Dockerfile, in one string. */
function dockerfileOf({ command, env, labels }: ImportConfig): string {
  return [
    `CMD ${JSON.stringify(command)}`,
    ...Object.entries(env).map(([name, value]) => `ENV ${name}=${JSON.stringify(value)}`),
    ...Object.entries(labels).map(([name, value]) => `LABEL ${name}=${JSON.stringify(value)}`),
  ].join('\n');
}

/** A failure half-way comes as a message: the HTTP status had been sent by then. */
function throwError({ error }: Record<string, unknown>): void {
  if (typeof error === 'string') throw new SandglassError('engine_error', error);
}
