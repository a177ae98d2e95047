import type { Inventory, InventorySandbox } from '../driver.ts';
import { LABEL } from '../labels.ts';
import type { DockerContext } from './docker-context.ts';
import { findContainer, listContainers } from './sandbox-containers.ts';
import { listSnapshotImages } from './snapshot-images.ts';

/** All that carries our labels; see `Driver.inventory`. Containers that were never started, or are being removed, are left out. */
export async function inventory(context: DockerContext, signal: AbortSignal): Promise<Inventory> {
  const { engine, executorId, markers } = context;
  const [containers, snapshots] = await Promise.all([listContainers(engine, executorId, signal), listSnapshotImages(engine, signal)]);
  const sandboxes: InventorySandbox[] = [];
  for (const { sandboxId, State, Labels } of containers) {
    const clusterId = Labels[LABEL.cluster] ?? '';
    if (State === 'running' || State === 'restarting') sandboxes.push({ sandboxId, clusterId, state: 'running' });
    else if (State === 'paused') {
      // Without a marker it is frozen for a capture only, and about to be thawed.
      sandboxes.push({ sandboxId, clusterId, state: (await markers.has(sandboxId)) ? 'paused' : 'running' });
    } else if (State === 'exited') {
      const container = await findContainer(engine, executorId, sandboxId, signal);
      if (container !== undefined) sandboxes.push({ sandboxId, clusterId, state: 'exited', ...howItEnded(container.State) });
    }
  }
  return { sandboxes, snapshots };
}

const KILLED = 137;

/** The engine remembers an OOM kill of any process; it ended the sandbox only when its main process was killed too. */
export function howItEnded({ ExitCode, OOMKilled }: { ExitCode: number; OOMKilled: boolean }): { exitCode: number; oomKilled: boolean } {
  return { exitCode: ExitCode, oomKilled: OOMKilled && ExitCode === KILLED };
}
