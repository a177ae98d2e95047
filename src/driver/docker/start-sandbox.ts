import type Docker from 'dockerode';
import { SandglassError } from '../../model/errors.ts';
import type { OnProgress, StartRequest } from '../driver.ts';
import { containerConfig } from './container-config.ts';
import type { DockerContext } from './docker-context.ts';
import { engineMessage, isConflict } from './engine-errors.ts';
import { type ImageFacts, volumesOf } from './image-facts.ts';
import { removeContainer } from './remove-container.ts';
import { resolveImage } from './resolve-image.ts';
import { containerName, findContainer } from './sandbox-containers.ts';
import { startWithEntrypoint } from './start-with-entrypoint.ts';
import { declaresVolumes } from './volumeless-images.ts';

const CLEANUP_TIMEOUT_MS = 30_000;
const NETWORK_ATTEMPTS = 3;

/** Makes sure that the sandbox runs; see `Driver.startSandbox`. */
export async function startSandbox(
  context: DockerContext,
  request: StartRequest,
  onProgress: OnProgress,
  signal: AbortSignal,
): Promise<void> {
  await checkAgainstEngine(context, request);
  const image = await resolveImage(context.engine, request, context.registries, onProgress, signal);
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await createAndStart(context, request, image, signal);
    } catch (error) {
      // The network is expected to be there, which saves a call. Another executor may be making it at the same time.
      if (!isNetworkUnusable(error) || attempt === NETWORK_ATTEMPTS) throw error;
      await context.networks.create(signal);
    }
  }
}

async function createAndStart(context: DockerContext, request: StartRequest, image: ImageFacts, signal: AbortSignal): Promise<void> {
  const create = async (imageId: string) => ({ imageId, container: await createContainer(context, request, image, imageId, signal) });
  const { container, imageId } = declaresVolumes(image)
    ? await context.volumelessImages.use(image, create, signal)
    : await create(image.id);
  if (container === 'runs already') return;
  try {
    if (request.spec.entrypoint === undefined) await context.engine.call(signal, () => container.start());
    else await startWithEntrypoint(context.engine, container, request, image, signal);
    context.ownContainers.started(request.sandboxId, { id: container.id, imageId, volumes: volumesOf(image.config) });
  } catch (error) {
    // Not with `signal`: it may be the reason.
    await removeContainer(context, container.id, AbortSignal.timeout(CLEANUP_TIMEOUT_MS)).catch((cleanup: unknown) => {
      context.log.warn({ err: cleanup, sandboxId: request.sandboxId }, 'cannot remove the container of a sandbox that did not start');
    });
    throw error;
  }
}

/** What the engine would find out only after the image has been pulled, or in less clear words. */
async function checkAgainstEngine({ engineInfo }: DockerContext, { spec }: StartRequest): Promise<void> {
  const { runtimes, limitsDisk } = await engineInfo();
  if (spec.runtime !== undefined && !runtimes.includes(spec.runtime)) {
    const message = `the container engine has no runtime ${JSON.stringify(spec.runtime)}; it has ${runtimes.join(', ')}`;
    throw new SandglassError('unsupported_runtime', message, { details: { field: 'runtime' } });
  }
  if (spec.resources.diskMb !== undefined && !limitsDisk) {
    const message =
      'the storage of this container engine cannot limit the disk: leave disk_mb out, or use overlay2 on xfs mounted with pquota';
    throw new SandglassError('invalid_resources', message, { details: { field: 'resources.disk_mb' } });
  }
}

async function createContainer(
  context: DockerContext,
  request: StartRequest,
  image: ImageFacts,
  imageId: string,
  signal: AbortSignal,
): Promise<Docker.Container | 'runs already'> {
  const { engine, executorId, networks, pidsLimit, extraLabels } = context;
  const [bundle, { cpus: hostCpus }] = await Promise.all([context.bundle(), context.engineInfo()]);
  const network = networks.nameFor(request.spec.network.allowInternetAccess);
  const input = { request, image, imageId, bundle, network, executorId, pidsLimit, hostCpus, extraLabels };
  const config = { ...containerConfig(input), name: containerName(request.sandboxId) };
  try {
    return await engine.call(signal, (docker) => docker.createContainer(config));
  } catch (error) {
    if (!isConflict(error)) throw refinedCreateError(error);
  }
  // The name is taken: an earlier attempt came this far.
  const existing = await findContainer(engine, executorId, request.sandboxId, signal);
  if (existing?.State.Running) return 'runs already';
  if (existing !== undefined) await removeContainer(context, existing.Id, signal);
  return engine.call(signal, (docker) => docker.createContainer(config));
}

function refinedCreateError(error: unknown): unknown {
  if (!(error instanceof SandglassError) || error.reason !== 'engine_error') return error;
  if (/memory|cpu|storage-opt|pids/i.test(error.message)) {
    return new SandglassError('invalid_resources', error.message, { details: { field: 'resources' }, cause: error.cause });
  }
  return error;
}

/** It is not there, or there are two. */
function isNetworkUnusable(error: unknown): boolean {
  return /network .* (not found|is ambiguous)/.test(engineMessage(error));
}
