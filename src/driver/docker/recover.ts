import { mkdir } from 'node:fs/promises';
import type { SandboxId } from '../../model/ids.ts';
import type { DockerContext } from './docker-context.ts';
import { removeContainer } from './remove-container.ts';
import { collectRuntimeBundles } from './runtime-bundle.ts';
import { listContainers } from './sandbox-containers.ts';
import { collectDanglingSnapshots } from './snapshot-images.ts';

/** Makes safe what a crash left over; see `Driver.recover`. Nothing else runs meanwhile. */
export async function recover(context: DockerContext, signal: AbortSignal): Promise<void> {
  const { engine, executorId, markers, log } = context;
  const containers = await listContainers(engine, executorId, signal);
  await openDoors(context, containers);
  for (const { Id, State, sandboxId } of containers) {
    if (State === 'created' || State === 'dead') {
      log.info({ sandboxId }, 'removing a container that was never started');
      await removeContainer(context, Id, signal);
    }
  }
  const frozen = containers.filter(({ State }) => State === 'paused');
  await Promise.all(
    frozen.map(async ({ Id, sandboxId }) => {
      if (!(await markers.has(sandboxId))) await context.abandonedCaptures.thaw(sandboxId, Id, signal);
    }),
  );
  const paused = new Set(frozen.map(({ sandboxId }) => sandboxId));
  for (const sandboxId of await markers.list()) if (!paused.has(sandboxId)) await markers.remove(sandboxId);

  await collectDanglingSnapshots(engine, executorId, signal);
  await context.volumelessImages.collect(signal);
  await collectMounts(context, signal);
}

/** Guests wait outside since we went: they are let in before anybody asks for them. */
async function openDoors({ doors, log }: DockerContext, containers: Awaited<ReturnType<typeof listContainers>>): Promise<void> {
  const live = containers.filter(({ State }) => State === 'running' || State === 'paused');
  const open = async ({ sandboxId }: { readonly sandboxId: SandboxId }) => {
    // One that cannot be opened is tried again when somebody asks for it; the others are not to suffer.
    await doors.open(sandboxId).catch((err: unknown) => log.error({ err, sandboxId }, 'cannot listen to the guest of a sandbox'));
  };
  await Promise.all(live.map(open));
}

/** What no container has mounted goes. Every container of the engine counts: other executors may share the folder. */
async function collectMounts(context: DockerContext, signal: AbortSignal): Promise<void> {
  await mkdir(context.bundleRoot, { recursive: true });
  const [{ directory }, containers] = await Promise.all([
    context.bundle(),
    context.engine.call(signal, (docker) => docker.listContainers({ all: true, abortSignal: signal })),
  ]);
  const mounted = new Set(containers.flatMap(({ Mounts }) => Mounts.map(({ Source }) => Source)));
  await collectRuntimeBundles(context.bundleRoot, directory, mounted);
  await context.doors.removeUnused(mounted);
}
