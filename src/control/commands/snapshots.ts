import type { KeyedMutex } from '../../lib/keyed-mutex.ts';
import { SandglassError } from '../../model/errors.ts';
import type { Namespace, SandboxId, SnapshotId } from '../../model/ids.ts';
import { isExpired, type Snapshot } from '../../model/snapshot.ts';
import { WriteSet } from '../../store/writes.ts';
import { changeSnapshot } from '../change.ts';
import type { ControlContext } from '../context.ts';
import { readSandbox, readSnapshot, snapshotNotFound } from '../queries/read.ts';
import type { CreateSnapshotRequest, ForkAnswer, ForkSandboxRequest, RestoreAnswer, RestoreSnapshotRequest } from '../requests.ts';
import { checkFeasible, overridden, writeNewSandbox } from './new-sandbox.ts';
import { commitNewSnapshot } from './new-snapshot.ts';

/** Enough for the forks to start; each start has its own deadline, which is shorter. */
const FORK_SNAPSHOT_TTL_SECS = 3600;

type Usage = KeyedMutex<Namespace>;

/** Stores a new snapshot together with the first attempt at it, so that the executor hears of it at once. */
export async function createSnapshot(
  ctx: ControlContext,
  usage: Usage,
  ns: Namespace,
  sandboxId: SandboxId,
  request: CreateSnapshotRequest,
): Promise<Snapshot> {
  return await commitNewSnapshot(ctx, usage, ns, sandboxId, request, ({ snapshot }) => snapshot);
}

/** Stores a snapshot and the sandboxes that start from it in one commit; they wait until it is active. */
export async function forkSandbox(
  ctx: ControlContext,
  usage: Usage,
  ns: Namespace,
  sandboxId: SandboxId,
  request: ForkSandboxRequest,
): Promise<ForkAnswer> {
  const parent = await readSandbox(ctx.store, ns, sandboxId);
  const spec = overridden(parent.spec, request);
  await checkFeasible(ctx, spec);
  const labels = { ...parent.labels, ...request.labels };
  const secrets = request.secrets ?? {};
  return await commitNewSnapshot(
    ctx,
    usage,
    ns,
    sandboxId,
    { ttlSecs: FORK_SNAPSHOT_TTL_SECS },
    ({ writes, snapshot: { id: snapshotId } }) => ({
      snapshotId,
      sandboxes: repeat(request.count, () => writeNewSandbox(ctx, writes, ns, { spec, labels, secrets, source: { snapshotId } })),
    }),
  );
}

/** Deletes a snapshot in any state. One that is being deleted already is left as it is. */
export async function deleteSnapshot(ctx: ControlContext, usage: Usage, ns: Namespace, id: SnapshotId): Promise<Snapshot> {
  const { object } = await changeSnapshot(ctx.store, usage, ns, id, { type: 'delete_requested' });
  if (object === undefined) throw snapshotNotFound(id);
  return object;
}

/** Stores sandboxes that start from the snapshot; or, when it has expired, fresh ones with its recorded configuration. */
export async function restoreSnapshot(
  ctx: ControlContext,
  ns: Namespace,
  id: SnapshotId,
  request: RestoreSnapshotRequest,
): Promise<RestoreAnswer> {
  const snapshot = await restorableSnapshot(ctx, ns, id);
  const ttlExpired = isExpired(snapshot, ctx.clock.now());
  const restoredFromSnapshot = !ttlExpired || request.force === true;
  const spec = overridden(snapshot.sandboxConfig, request);
  await checkFeasible(ctx, spec);
  const writes = new WriteSet();
  const wanted = {
    spec,
    labels: request.labels ?? {},
    secrets: request.secrets ?? {},
    ...(restoredFromSnapshot ? { source: { snapshotId: id } } : {}),
  };
  const sandboxes = repeat(request.count, () => writeNewSandbox(ctx, writes, ns, wanted));
  await ctx.store.commit(writes.toRequest());
  return { sandboxes, restoredFromSnapshot, ttlExpired };
}

/**
 * The snapshot, if a sandbox can be started from it.
 * @throws SandglassError `snapshot_not_found`, `snapshot_not_active`, `snapshot_unavailable`.
 */
export async function restorableSnapshot(ctx: ControlContext, ns: Namespace, id: SnapshotId): Promise<Snapshot> {
  const snapshot = await readSnapshot(ctx.store, ns, id);
  if (snapshot.status !== 'active') {
    const why = snapshot.error === undefined ? '' : ` (${snapshot.error.message})`;
    throw new SandglassError('snapshot_not_active', `snapshot must be in Active state, current state: ${snapshot.status}${why}`, {
      details: { snapshot_id: id, status: snapshot.status },
    });
  }
  if (snapshot.availableOn.length === 0 && !snapshot.inRegistry) {
    throw new SandglassError('snapshot_unavailable', `the image of snapshot ${id} is gone from every executor, and is in no registry`);
  }
  return snapshot;
}

function repeat<T>(count = 1, make: () => T): T[] {
  return Array.from({ length: count }, make);
}
