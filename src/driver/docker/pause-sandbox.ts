import type { SandboxId } from '../../model/ids.ts';
import type { DockerContext } from './docker-context.ts';
import { engineStatus } from './engine-errors.ts';
import { findContainer, notRunning, requireRunning } from './sandbox-containers.ts';

/** Freezes the sandbox for as long as somebody wants it; see `Driver.pauseSandbox`. */
export async function pauseSandbox(context: DockerContext, sandboxId: SandboxId, signal: AbortSignal): Promise<void> {
  const { engine, executorId, markers } = context;
  const container = await requireRunning(engine, executorId, sandboxId, signal);
  await markers.add(sandboxId);
  if (container.State.Paused) return;
  try {
    await engine.call(signal, (docker) => docker.getContainer(container.Id).pause());
  } catch (error) {
    const after = engineStatus(error) === undefined ? undefined : await findContainer(engine, executorId, sandboxId, signal);
    if (after?.State.Paused) return; // somebody else did it
    await markers.remove(sandboxId);
    throw after?.State.Running || engineStatus(error) === undefined ? error : notRunning(sandboxId, 'has ended');
  }
}

/** Thaws the sandbox; see `Driver.resumeSandbox`. */
export async function resumeSandbox(context: DockerContext, sandboxId: SandboxId, signal: AbortSignal): Promise<void> {
  const { engine, executorId, markers } = context;
  const container = await requireRunning(engine, executorId, sandboxId, signal);
  await markers.remove(sandboxId);
  if (!container.State.Paused) return;
  try {
    await engine.call(signal, (docker) => docker.getContainer(container.Id).unpause());
  } catch (error) {
    const after = engineStatus(error) === undefined ? undefined : await findContainer(engine, executorId, sandboxId, signal);
    if (after?.State.Running && !after.State.Paused) return;
    throw after?.State.Running || engineStatus(error) === undefined ? error : notRunning(sandboxId, 'has ended');
  }
}
