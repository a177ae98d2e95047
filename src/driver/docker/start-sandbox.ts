import type Docker from 'dockerode';
import { SandglassError } from '../../model/errors.ts';
import type { SandboxId } from '../../model/ids.ts';
import type { OnProgress, StartRequest } from '../driver.ts';
import { containerConfig } from './container-config.ts';
import type { DockerContext } from './docker-context.ts';
import { engineMessage, isConflict } from './engine-errors.ts';
import { type ImageFacts, volumesOf } from './image-facts.ts';
import type { SandboxContainer } from './own-containers.ts';
import { removeContainer } from './remove-container.ts';
import { resolveImage } from './resolve-image.ts';
import { containerName, findContainer } from './sandbox-containers.ts';
import { startGuest } from './start-guest.ts';
import { declaresVolumes } from './volumeless-images.ts';

const CLEANUP_TIMEOUT_MS = 30_000;
const NETWORK_ATTEMPTS = 3;

/** A container of the sandbox: a new one, or that of an earlier attempt. */
interface Made {
  readonly handle: Docker.Container;
  readonly imageId: string;
  readonly state: 'created' | 'running' | 'paused';
}

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
  const { engine, doors, ownContainers } = context;
  await doors.open(request.sandboxId); // its folder is mounted
  let container: SandboxContainer | undefined;
  try {
    const create = (imageId: string) => createContainer(context, request, image, imageId, signal);
    const { handle, imageId, state } = declaresVolumes(image)
      ? await context.volumelessImages.use(image, create, signal)
      : await create(image.id);
    container = { id: handle.id, imageId, volumes: volumesOf(image.config) };
    if (state === 'created') await engine.call(signal, () => handle.start());
    // Whoever paused it had it running before, and it does not answer now.
    if (state !== 'paused') await startGuest(context, handle, request, image, signal);
    if (state === 'created') ownContainers.started(request.sandboxId, container);
  } catch (error) {
    await discard(context, request.sandboxId, container?.id).catch((cleanup: unknown) => {
      context.log.warn({ err: cleanup, sandboxId: request.sandboxId }, 'cannot remove what is left of a sandbox that did not start');
    });
    throw error;
  }
}

/** Not with the start's signal: it may be why the start failed. A folder that a container may still have mounted stays. */
async function discard(context: DockerContext, sandboxId: SandboxId, containerId: string | undefined): Promise<void> {
  const signal = AbortSignal.timeout(CLEANUP_TIMEOUT_MS);
  if (containerId !== undefined) await removeContainer(context, containerId, signal);
  const left = await findContainer(context.engine, context.executorId, sandboxId, signal);
  if (left === undefined) await context.doors.remove(sandboxId);
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
): Promise<Made> {
  const { engine, executorId, networks, pidsLimit, extraLabels } = context;
  const [bundle, { cpus: hostCpus }] = await Promise.all([context.bundle(), context.engineInfo()]);
  const network = networks.nameFor(request.spec.network.allowInternetAccess);
  const doorDirectory = context.doors.directoryOf(request.sandboxId);
  const input = { request, image, imageId, bundle, doorDirectory, network, executorId, pidsLimit, hostCpus, extraLabels };
  const config = { ...containerConfig(input), name: containerName(request.sandboxId) };
  const create = async (): Promise<Made> => ({
    handle: await engine.call(signal, (docker) => docker.createContainer(config)),
    imageId,
    state: 'created',
  });
  try {
    return await create();
  } catch (error) {
    if (!isConflict(error)) throw refinedCreateError(error);
  }
  // The name is taken: an earlier attempt came this far.
  const existing = await findContainer(engine, executorId, request.sandboxId, signal);
  if (existing?.State.Running) {
    const handle = await engine.call(signal, async (docker) => docker.getContainer(existing.Id));
    const paused = await context.markers.has(request.sandboxId);
    return { handle, imageId: existing.Image, state: paused ? 'paused' : 'running' };
  }
  if (existing !== undefined) await removeContainer(context, existing.Id, signal);
  return create();
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
