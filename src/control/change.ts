import type { KeyedMutex } from '../lib/keyed-mutex.ts';
import { SandglassError } from '../model/errors.ts';
import type { Namespace, SandboxId, SnapshotId } from '../model/ids.ts';
import type { NamespaceUsage } from '../model/namespace.ts';
import type { Sandbox } from '../model/sandbox.ts';
import type { SandboxEvent } from '../model/sandbox-event.ts';
import { transitionSandbox } from '../model/sandbox-lifecycle.ts';
import { countsTowardsQuota, type Snapshot } from '../model/snapshot.ts';
import { type SnapshotEvent, transitionSnapshot } from '../model/snapshot-lifecycle.ts';
import type { IgnoredBecause, Outcome } from '../model/transition.ts';
import { sandboxKey, snapshotKey, usageKey } from '../store/keys.ts';
import { sandboxRecord, snapshotRecord, usageRecord } from '../store/records.ts';
import type { Revision, Store } from '../store/store.ts';
import { WriteSet, writeSandbox, writeSnapshot } from '../store/writes.ts';

/*
 * The only way in which an existing sandbox or snapshot changes: read, transition, commit if nobody else has changed it in
 * between, and begin anew if somebody has. The transition functions are pure, so that beginning anew is safe.
 */

/** What an event did. `object` is the object afterwards; `undefined` when it does not exist. */
export interface Changed<T> {
  readonly object: T | undefined;
  /** Why nothing changed; absent when something did. */
  readonly ignored?: IgnoredBecause;
}

/** Enough for any number of writers that really make progress; more means that something is wrong. */
const MAX_TRIES = 50;

/** Applies `event` to a sandbox. @throws what the transition refuses with. */
export function changeSandbox(store: Store, ns: Namespace, id: SandboxId, event: SandboxEvent): Promise<Changed<Sandbox>> {
  return retryAborted(async () => {
    const key = sandboxKey(ns, id);
    const entry = await store.get(key);
    if (entry === undefined) return { object: undefined, ignored: 'no_effect' };
    const writes = new WriteSet();
    const changed = writeSandboxEvent(writes, { sandbox: sandboxRecord.decode(entry.value), revision: entry.revision }, event);
    if (changed.ignored === undefined) await store.commit(writes.toRequest());
    return changed;
  });
}

/**
 * Adds to `writes` what `event` does to a sandbox, on condition that it is still as it was read; nothing when it is ignored.
 * For commits that change more than the sandbox. @throws what the transition refuses with.
 */
export function writeSandboxEvent(
  writes: WriteSet,
  { sandbox, revision }: { readonly sandbox: Sandbox; readonly revision: Revision },
  event: SandboxEvent,
): Changed<Sandbox> {
  const outcome = transitionSandbox(sandbox, event);
  const settled = settle(sandbox, outcome);
  if (settled !== undefined) return settled;
  const after = nextOf(outcome);
  writes.check(sandboxKey(sandbox.namespace, sandbox.id), revision);
  writeSandbox(writes, sandbox, after);
  return { object: after };
}

/** Applies `event` to a snapshot, and keeps its namespace's usage right. @throws what the transition refuses with. */
export async function changeSnapshot(
  store: Store,
  usage: KeyedMutex<Namespace>,
  ns: Namespace,
  id: SnapshotId,
  event: SnapshotEvent,
): Promise<Changed<Snapshot>> {
  return retryAborted(async () => {
    const key = snapshotKey(ns, id);
    const entry = await store.get(key);
    if (entry === undefined) return { object: undefined, ignored: 'no_effect' };
    const before = snapshotRecord.decode(entry.value);
    const outcome = transitionSnapshot(before, event);
    const settled = settle(before, outcome);
    if (settled !== undefined) return settled;
    const after = nextOf(outcome);
    const writes = new WriteSet().check(key, entry.revision);
    writeSnapshot(writes, before, after);
    const delta = quotaShare(after) - quotaShare(before);
    if (delta === 0) await store.commit(writes.toRequest());
    else {
      await usage.run(ns, async () => {
        await countUsage(store, writes, ns, delta);
        await store.commit(writes.toRequest());
      });
    }
    return { object: after };
  });
}

function settle<T>(before: T, outcome: Outcome<T>): Changed<T> | undefined {
  if (outcome.kind === 'refused') throw outcome.error;
  return outcome.kind === 'ignored' ? { object: before, ignored: outcome.because } : undefined;
}

function nextOf<T>(outcome: Outcome<T>): T | undefined {
  return outcome.kind === 'changed' ? outcome.next : undefined;
}

function quotaShare(snapshot: Snapshot | undefined): number {
  return snapshot !== undefined && countsTowardsQuota(snapshot) ? 1 : 0;
}

/**
 * Adds the change of a namespace's snapshot count to `writes`, and returns the count before it. The caller holds the
 * namespace's usage mutex until it has committed: writers of one process queue up instead of aborting one another.
 */
export async function countUsage(store: Store, writes: WriteSet, ns: Namespace, delta: number): Promise<number> {
  const key = usageKey(ns);
  const entry = await store.get(key);
  const count = entry === undefined ? 0 : usageRecord.decode(entry.value).snapshotCount;
  const next: NamespaceUsage = { namespace: ns, snapshotCount: Math.max(0, count + delta) };
  writes.check(key, entry?.revision).put(key, usageRecord.encode(next));
  return count;
}

/** Runs `attempt` again for as long as its commit is aborted because somebody else was quicker. */
export async function retryAborted<T>(attempt: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof SandglassError) || error.reason !== 'aborted' || tries >= MAX_TRIES) throw error;
    }
  }
}
