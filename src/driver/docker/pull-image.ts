import { SandglassError } from '../../model/errors.ts';
import { formatImageReference, type ImageReference } from '../../model/image-reference.ts';
import type { OnProgress } from '../driver.ts';
import type { Engine } from './engine.ts';
import { engineMessage, engineStatus } from './engine-errors.ts';
import { readJsonLines } from './json-lines.ts';
import { PullProgress } from './pull-progress.ts';

/** How to log in to a registry. */
export interface RegistryCredentials {
  /** As in image references: `docker.io`, `ghcr.io`, `host:5000`. */
  readonly host: string;
  readonly username: string;
  readonly password: string;
}

type PullFailure = 'disk_full' | 'image_not_found' | 'image_pull_denied' | 'registry_error';

/**
 * Pulls an image; returns when the engine has all of it. The engine gives up when `signal` aborts.
 * @throws SandglassError `image_not_found`, `image_pull_denied`, `registry_error`, `disk_full`, each with the engine's message.
 */
export async function pullImage(
  engine: Engine,
  image: ImageReference,
  registries: readonly RegistryCredentials[],
  onProgress: OnProgress,
  signal: AbortSignal,
): Promise<void> {
  const progress = new PullProgress();
  onProgress(progress.progress);
  const answer = await startPull(engine, image, registries, signal);
  for await (const message of readJsonLines(answer, signal)) {
    if (typeof message.error === 'string') throw pullError(image, message.error);
    if (progress.update(message)) onProgress(progress.progress);
  }
}

async function startPull(
  engine: Engine,
  image: ImageReference,
  registries: readonly RegistryCredentials[],
  signal: AbortSignal,
): Promise<NodeJS.ReadableStream> {
  const credentials = registries.find(({ host }) => host === image.host);
  const auth = credentials && { username: credentials.username, password: credentials.password, serveraddress: credentials.host };
  const source = { fromImage: `${image.host}/${image.repository}`, tag: image.digest ?? image.tag, abortSignal: signal };
  try {
    return await engine.call(signal, (docker) => docker.createImage(auth, source));
  } catch (error) {
    if (engineStatus(error) === undefined) throw error;
    throw pullError(image, engineMessage(error));
  }
}

/** The engine tells what went wrong in words only. In this order, because some messages fit several. */
const CAUSES: readonly (readonly [pattern: RegExp, reason: PullFailure])[] = [
  [/no space left on device|disk quota exceeded/i, 'disk_full'],
  [/repository does not exist|manifest unknown|name unknown|no matching manifest|manifest for .* not found/i, 'image_not_found'],
  [/denied|unauthorized|authentication required|no basic auth|forbidden|incorrect username/i, 'image_pull_denied'],
  [
    /dial tcp|lookup .*:|timeout|timed out|refused|reset by peer|EOF|TLS|x509|HTTP response to HTTPS|too ?many ?requests/i,
    'registry_error',
  ],
  [/not found/i, 'image_not_found'],
];

const ADVICE: Record<PullFailure, string> = {
  disk_full: 'free space on the host of the container engine',
  image_not_found: 'check the name and the tag; if the image is private, configure credentials for its registry',
  image_pull_denied: 'configure credentials for its registry that may read it',
  registry_error: 'check that the executor can reach the registry, or bring the image to its host with "docker load"',
};

/** @param message the engine's. */
export function pullError(image: ImageReference, message: string): SandglassError {
  const reason = CAUSES.find(([pattern]) => pattern.test(message))?.[1] ?? 'registry_error';
  return new SandglassError(reason, `cannot pull the image ${formatImageReference(image)}: ${message.trim()} (${ADVICE[reason]})`);
}
