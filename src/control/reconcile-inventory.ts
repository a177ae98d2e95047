import type { ExecutorId, SnapshotId } from '../model/ids.ts';
import type { Discards, ReportedInventory } from '../model/inventory.ts';
import { executorSnapshotIndex } from '../store/keys.ts';
import { changeSandbox } from './change.ts';
import type { ControlContext } from './context.ts';
import { sandboxesOn } from './scheduler.ts';

/**
 * Holds what an executor has against what is recorded, when it connects. Sandboxes that ended, or went, while nobody
 * looked are told so. What this cluster made and no record wants is answered as discards; what another cluster made,
 * or nobody knows who, is left alone.
 */
export async function reconcileInventory(
  ctx: ControlContext,
  clusterId: string,
  executorId: ExecutorId,
  inventory: ReportedInventory,
): Promise<Discards> {
  const { store, clock, log } = ctx;
  const at = clock.now();
  const recorded = await sandboxesOn(store, executorId);
  const ours = inventory.sandboxes.filter((sandbox) => sandbox.clusterId === clusterId);
  const held = new Map(ours.map((sandbox) => [sandbox.sandboxId, sandbox]));
  for (const { namespace, id } of recorded) {
    const found = held.get(id);
    if (found === undefined) await changeSandbox(store, namespace, id, { type: 'vanished', executorId, at });
    else if (found.state === 'exited') {
      const { exitCode, oomKilled } = found;
      await changeSandbox(store, namespace, id, { type: 'exited', executorId, exitCode, oomKilled, at });
    } else await changeSandbox(store, namespace, id, { type: 'found', executorId, state: found.state, at });
  }
  const wanted = new Set(recorded.map(({ id }) => id));
  const sandboxIds = ours.map(({ sandboxId }) => sandboxId).filter((id) => !wanted.has(id));
  const snapshotIds: SnapshotId[] = [];
  for (const { snapshotId } of inventory.snapshots.filter((snapshot) => snapshot.clusterId === clusterId)) {
    const [entry] = await store.scan({ prefix: `${executorSnapshotIndex(executorId)}${snapshotId}/`, limit: 1, keysOnly: true });
    if (entry === undefined) snapshotIds.push(snapshotId);
  }
  if (sandboxIds.length + snapshotIds.length > 0)
    log.info({ executorId, sandboxIds, snapshotIds }, 'the executor holds what no record wants');
  return { sandboxIds, snapshotIds };
}
