import type Docker from 'dockerode';
import { SandglassError } from '../../model/errors.ts';
import type { ExecutorId, SandboxId } from '../../model/ids.ts';
import { LABEL } from '../labels.ts';
import type { Engine } from './engine.ts';
import { orUndefinedIfMissing } from './engine-errors.ts';

/** Name of a sandbox's container. It is what makes starting idempotent: the engine refuses a second one. */
export function containerName(sandboxId: SandboxId): string {
  return `sandglass-${sandboxId}`;
}

/** The sandbox's container; undefined when there is none, or when it is not this executor's. */
export async function findContainer(
  engine: Engine,
  executorId: ExecutorId,
  sandboxId: SandboxId,
  signal: AbortSignal,
): Promise<Docker.ContainerInspectInfo | undefined> {
  const inspect = engine.call(signal, (docker) => docker.getContainer(containerName(sandboxId)).inspect({ abortSignal: signal }));
  const container = await orUndefinedIfMissing(inspect);
  return container?.Config.Labels?.[LABEL.executor] === executorId ? container : undefined;
}

/**
 * The sandbox's container while its processes are there, frozen or not.
 * @throws SandglassError `sandbox_not_running`.
 */
export async function requireRunning(
  engine: Engine,
  executorId: ExecutorId,
  sandboxId: SandboxId,
  signal: AbortSignal,
): Promise<Docker.ContainerInspectInfo> {
  const container = await findContainer(engine, executorId, sandboxId, signal);
  if (container === undefined) throw notRunning(sandboxId, 'has no container on this executor');
  if (!container.State.Running) throw notRunning(sandboxId, `is not running: its container is ${container.State.Status}`);
  return container;
}

export function notRunning(sandboxId: SandboxId, state: string): SandglassError {
  return new SandglassError('sandbox_not_running', `sandbox ${sandboxId} ${state}`);
}

/** All containers of this executor's sandboxes, in any state. Others that carry the labels by accident are left out. */
export async function listContainers(
  engine: Engine,
  executorId: ExecutorId,
  signal: AbortSignal,
): Promise<readonly (Docker.ContainerInfo & { readonly sandboxId: SandboxId })[]> {
  const filters = { label: [`${LABEL.executor}=${executorId}`] };
  const listed = await engine.call(signal, (docker) =>
    docker.listContainers({ all: true, filters: JSON.stringify(filters), abortSignal: signal }),
  );
  return listed.flatMap((container) => {
    const sandboxId = container.Labels[LABEL.sandbox] as SandboxId;
    return container.Names.includes(`/${containerName(sandboxId)}`) ? [{ ...container, sandboxId }] : [];
  });
}
