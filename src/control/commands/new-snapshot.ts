import { compact } from '../../lib/compact.ts';
import type { KeyedMutex } from '../../lib/keyed-mutex.ts';
import { SandglassError } from '../../model/errors.ts';
import type { ExecutorId, Namespace, SandboxId } from '../../model/ids.ts';
import { snapshotImageRef } from '../../model/image-reference.ts';
import type { Sandbox } from '../../model/sandbox.ts';
import type { Snapshot } from '../../model/snapshot.ts';
import { sandboxKey } from '../../store/keys.ts';
import type { Revision } from '../../store/store.ts';
import { WriteSet, writeSnapshot } from '../../store/writes.ts';
import { countUsage, retryAborted } from '../change.ts';
import type { ControlContext } from '../context.ts';
import { newOperation } from '../operations.ts';
import { readSandboxEntry, sandboxNotRunning } from '../queries/read.ts';
import type { CreateSnapshotRequest } from '../requests.ts';

/** What a commit that creates a snapshot is made of. */
export interface NewSnapshot {
  readonly writes: WriteSet;
  readonly snapshot: Snapshot;
  /** The sandbox that it is taken of, as it was read. */
  readonly source: { readonly sandbox: Sandbox; readonly revision: Revision };
}

/**
 * Stores a new snapshot of a sandbox, with the first attempt at it, in one commit. `complete` adds what depends on the
 * snapshot, or is undefined to have nothing stored after all; it is called again when the commit has to be.
 * @throws SandglassError `sandbox_not_found`, `sandbox_not_running`, `snapshot_quota_exceeded`, and what `complete` throws.
 */
export function commitNewSnapshot<T>(
  ctx: ControlContext,
  usage: KeyedMutex<Namespace>,
  ns: Namespace,
  sandboxId: SandboxId,
  request: CreateSnapshotRequest,
  complete: (commit: NewSnapshot) => T,
): Promise<T> {
  return usage.run(ns, () =>
    retryAborted(async () => {
      const source = await readSandboxEntry(ctx.store, ns, sandboxId);
      const { sandbox, revision } = source;
      if (!isCapturable(sandbox)) throw sandboxNotRunning(sandbox);
      const snapshot = newSnapshot(ctx, sandbox, request);
      // The sandbox is still as it was read: one that is being removed takes no more snapshots.
      const writes = new WriteSet().check(sandboxKey(ns, sandboxId), revision);
      writeSnapshot(writes, undefined, snapshot);
      const count = await countUsage(ctx.store, writes, ns, 1);
      if (count >= ctx.settings.maxSnapshotsPerNamespace) throw quotaExceeded(ns, count);
      const result = complete({ writes, snapshot, source });
      if (result !== undefined) await ctx.store.commit(writes.toRequest());
      return result;
    }),
  );
}

function isCapturable(sandbox: Sandbox): sandbox is Sandbox & { executorId: ExecutorId } {
  return (sandbox.status === 'running' || sandbox.status === 'paused') && sandbox.executorId !== undefined;
}

function newSnapshot(ctx: ControlContext, sandbox: Sandbox & { executorId: ExecutorId }, request: CreateSnapshotRequest): Snapshot {
  const { namespace, executorId, source } = sandbox;
  const id = ctx.newId('snapshot');
  const createdAt = ctx.clock.now();
  const ttlSecs = request.ttlSecs ?? ctx.settings.defaultSnapshotTtlSecs;
  return {
    id,
    namespace,
    sandboxId: sandbox.id,
    executorId,
    labels: request.labels ?? {},
    status: 'creating',
    createdAt,
    ttlSecs,
    imageRef: snapshotImageRef(namespace, id),
    availableOn: [],
    inRegistry: false,
    sandboxConfig: sandbox.spec,
    attempt: 1,
    ...compact({
      name: request.name,
      parentSnapshotId: source?.snapshotId,
      expiresAt: ttlSecs === 0 ? undefined : createdAt + ttlSecs * 1000,
    }),
    operation: newOperation(ctx, 'create_snapshot', executorId, 1),
  };
}

function quotaExceeded(ns: Namespace, count: number): SandglassError {
  return new SandglassError(
    'snapshot_quota_exceeded',
    `namespace ${ns} has ${count} snapshots, which is its limit; delete some, or raise server.snapshots.max_per_namespace`,
    { details: { limit: count } },
  );
}
