import { SandglassError } from '../../model/errors.ts';
import type { Namespace, SandboxId, SnapshotId } from '../../model/ids.ts';
import type { Sandbox } from '../../model/sandbox.ts';
import type { Snapshot } from '../../model/snapshot.ts';
import { sandboxKey, snapshotKey } from '../../store/keys.ts';
import { sandboxRecord, snapshotRecord } from '../../store/records.ts';
import type { Revision, Store } from '../../store/store.ts';

/** @throws SandglassError `sandbox_not_found`. */
export async function readSandbox(store: Store, ns: Namespace, id: SandboxId): Promise<Sandbox> {
  return (await readSandboxEntry(store, ns, id)).sandbox;
}

/** The sandbox with the revision to check a commit against. @throws SandglassError `sandbox_not_found`. */
export async function readSandboxEntry(store: Store, ns: Namespace, id: SandboxId): Promise<{ sandbox: Sandbox; revision: Revision }> {
  const entry = await store.get(sandboxKey(ns, id));
  if (entry === undefined) throw sandboxNotFound(id);
  return { sandbox: sandboxRecord.decode(entry.value), revision: entry.revision };
}

/** @throws SandglassError `snapshot_not_found`. */
export async function readSnapshot(store: Store, ns: Namespace, id: SnapshotId): Promise<Snapshot> {
  const entry = await store.get(snapshotKey(ns, id));
  if (entry === undefined) throw snapshotNotFound(id);
  return snapshotRecord.decode(entry.value);
}

export function sandboxNotFound(id: SandboxId): SandglassError {
  return new SandglassError('sandbox_not_found', `no sandbox ${id} in this namespace`);
}

export function snapshotNotFound(id: SnapshotId): SandglassError {
  return new SandglassError('snapshot_not_found', `no snapshot ${id} in this namespace; it may have been deleted, or have expired`);
}

/** The error for what can be done only with a sandbox that runs. */
export function sandboxNotRunning({ id, status, pendingReason, message }: Sandbox): SandglassError {
  const why = pendingReason ?? message;
  return new SandglassError('sandbox_not_running', `sandbox ${id} is ${status}, not running${why === undefined ? '' : ` (${why})`}`, {
    details: { sandbox_id: id, status },
  });
}
