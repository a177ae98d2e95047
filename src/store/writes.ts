import type { Operation, PendingOperation } from '../model/operation.ts';
import { occupiesExecutor, type Sandbox, sandboxDueAt } from '../model/sandbox.ts';
import { type Snapshot, snapshotDueAt, snapshotExpiresAt } from '../model/snapshot.ts';
import * as keys from './keys.ts';
import { operationRecord, sandboxRecord, snapshotRecord } from './records.ts';
import type { Check, CommitRequest } from './store.ts';

/**
 * What to write when an object changes from `before` to `after` (`undefined`: it does not exist): its record, the
 * difference of its index entries, and its operation. Everything goes into one commit, so that an index entry exists
 * exactly when its record says so, and an operation exactly while its object waits for it.
 */

/** A commit in the making. */
export class WriteSet {
  readonly #checks: Check[] = [];
  readonly #puts = new Map<string, Uint8Array>();
  readonly #deletes = new Set<string>();

  check(key: string, revision: number | undefined): this {
    this.#checks.push({ key, revision });
    return this;
  }

  put(key: string, value: Uint8Array = EMPTY): this {
    this.#deletes.delete(key);
    this.#puts.set(key, value);
    return this;
  }

  delete(key: string): this {
    this.#puts.delete(key);
    this.#deletes.add(key);
    return this;
  }

  toRequest(): CommitRequest {
    return {
      checks: this.#checks,
      puts: Array.from(this.#puts, ([key, value]) => ({ key, value })),
      deletes: [...this.#deletes],
    };
  }
}

const EMPTY = new Uint8Array(0);

/** Adds the change of a sandbox to `writes`. */
export function writeSandbox(writes: WriteSet, before: Sandbox | undefined, after: Sandbox | undefined): void {
  const object = (after ?? before) as Sandbox;
  const key = keys.sandboxKey(object.namespace, object.id);
  if (after === undefined) writes.delete(key);
  else writes.put(key, sandboxRecord.encode(after));
  writeIndexes(writes, before && sandboxIndexes(before), after && sandboxIndexes(after));
  writeOperation(writes, before && operationOfSandbox(before), after && operationOfSandbox(after));
  if (after?.status === 'terminated') writes.delete(keys.secretsKey(object.id));
}

/** Adds the change of a snapshot to `writes`. The namespace's usage is the caller's: it is checked against the quota. */
export function writeSnapshot(writes: WriteSet, before: Snapshot | undefined, after: Snapshot | undefined): void {
  const object = (after ?? before) as Snapshot;
  const key = keys.snapshotKey(object.namespace, object.id);
  if (after === undefined) writes.delete(key);
  else writes.put(key, snapshotRecord.encode(after));
  writeIndexes(writes, before && snapshotIndexes(before), after && snapshotIndexes(after));
  writeOperation(writes, before && operationOfSnapshot(before), after && operationOfSnapshot(after));
}

function sandboxIndexes(sandbox: Sandbox): string[] {
  const { namespace: ns, id, status, labels, executorId, terminatedAt } = sandbox;
  const found = [`${keys.sandboxStatusIndex(ns, status)}${id}`];
  for (const [key, value] of Object.entries(labels)) found.push(`${keys.sandboxLabelIndex(ns, key, value)}${id}`);
  if (executorId !== undefined && occupiesExecutor(sandbox)) found.push(`${keys.executorSandboxIndex(executorId)}${id}/${ns}`);
  const dueAt = sandboxDueAt(sandbox);
  if (dueAt !== undefined) found.push(keys.dueKey(dueAt, 'sb', ns, id));
  if (terminatedAt !== undefined) found.push(keys.endedKey(terminatedAt, 'sb', ns, id));
  return found;
}

function snapshotIndexes(snapshot: Snapshot): string[] {
  const { namespace: ns, id, status, sandboxId, name, labels } = snapshot;
  const found = [`${keys.snapshotStatusIndex(ns, status)}${id}`, `${keys.snapshotSandboxIndex(ns, sandboxId)}${id}`];
  if (name !== undefined) found.push(`${keys.snapshotNameIndex(ns, name)}${id}`);
  for (const [key, value] of Object.entries(labels)) found.push(`${keys.snapshotLabelIndex(ns, key, value)}${id}`);
  for (const executorId of new Set([snapshot.executorId, ...snapshot.availableOn])) {
    found.push(`${keys.executorSnapshotIndex(executorId)}${id}/${ns}`);
  }
  const dueAt = snapshotDueAt(snapshot);
  if (dueAt !== undefined) found.push(keys.dueKey(dueAt, 'snap', ns, id));
  const expiresAt = snapshotExpiresAt(snapshot);
  if (expiresAt !== undefined) found.push(keys.expiryKey(expiresAt, 'snap', ns, id));
  return found;
}

function writeIndexes(writes: WriteSet, before: readonly string[] = [], after: readonly string[] = []): void {
  const kept = new Set(after);
  for (const key of before) if (!kept.has(key)) writes.delete(key);
  const had = new Set(before);
  for (const key of after) if (!had.has(key)) writes.put(key);
}

function operationOfSandbox(sandbox: Sandbox): Operation | undefined {
  return sandbox.operation && operationRecordOf(sandbox.operation, { namespace: sandbox.namespace, sandboxId: sandbox.id });
}

function operationOfSnapshot(snapshot: Snapshot): Operation | undefined {
  const { namespace, sandboxId, id: snapshotId } = snapshot;
  return snapshot.operation && operationRecordOf(snapshot.operation, { namespace, sandboxId, snapshotId });
}

function operationRecordOf(
  { operationId: id, ...pending }: PendingOperation,
  target: Pick<Operation, 'namespace' | 'sandboxId' | 'snapshotId'>,
): Operation {
  return { id, ...pending, ...target };
}

function writeOperation(writes: WriteSet, before: Operation | undefined, after: Operation | undefined): void {
  if (before !== undefined && before.id !== after?.id) writes.delete(keys.operationKey(before.executorId, before.id));
  if (after !== undefined && before?.id !== after.id)
    writes.put(keys.operationKey(after.executorId, after.id), operationRecord.encode(after));
}
