import { assert } from '../lib/assert.ts';
import type { KeyedMutex } from '../lib/keyed-mutex.ts';
import { type Failure, failureOf, SandglassError } from '../model/errors.ts';
import type { Namespace, SnapshotId } from '../model/ids.ts';
import type { Sandbox } from '../model/sandbox.ts';
import { expiryStep } from '../model/sandbox-timeout.ts';
import type { Snapshot } from '../model/snapshot.ts';
import { snapshotKey } from '../store/keys.ts';
import { snapshotRecord } from '../store/records.ts';
import { WriteSet } from '../store/writes.ts';
import { type Changed, changeSandbox, retryAborted, writeSandboxEvent } from './change.ts';
import { commitNewSnapshot } from './commands/new-snapshot.ts';
import type { ControlContext } from './context.ts';
import { newOperation } from './operations.ts';
import { readSandboxEntry } from './queries/read.ts';

/** On snapshots that are taken because a timeout has passed, so that users find them. */
const TIMEOUT_LABELS = { 'sandglass.dev/reason': 'timeout' };

/** When the snapshot of a timeout is looked at again even if nobody tells of it, such as after a restart. */
const LOOK_AGAIN_MS = 5_000;

/**
 * One step for a running sandbox that is due: for its timeout, or for the deadline of a pause. Each step is one commit, and
 * the record says which comes next. @returns undefined when there was nothing to be done.
 */
export async function stepRunning(
  ctx: ControlContext,
  usage: KeyedMutex<Namespace>,
  sandbox: Sandbox,
): Promise<Changed<Sandbox> | undefined> {
  const { store, clock, settings, random } = ctx;
  const { namespace, id, executorId, attempt } = sandbox;
  const at = clock.now();
  switch (expiryStep(sandbox, at)) {
    case 'capture':
      return await startCapture(ctx, usage, sandbox);
    case 'await_capture':
      return await lookAtCapture(ctx, sandbox);
    case 'pause': {
      assert(executorId !== undefined, 'a sandbox that runs is on an executor');
      const operation = newOperation(ctx, 'pause_sandbox', executorId, attempt + 1);
      return await changeSandbox(store, namespace, id, { type: 'attempt_started', operation });
    }
    case 'stop':
    case undefined:
      return await changeSandbox(store, namespace, id, { type: 'due', at, retry: settings.retry, random: random() });
  }
}

/** Stores the snapshot and that the sandbox waits for it in one commit: neither is ever there without the other. */
async function startCapture(ctx: ControlContext, usage: KeyedMutex<Namespace>, sandbox: Sandbox): Promise<Changed<Sandbox> | undefined> {
  const { namespace, id } = sandbox;
  try {
    return await commitNewSnapshot(ctx, usage, namespace, id, { labels: TIMEOUT_LABELS }, ({ writes, snapshot, source }) => {
      const at = ctx.clock.now();
      const event = { type: 'capture_started', snapshotId: snapshot.id, at, retryAt: at + LOOK_AGAIN_MS } as const;
      const changed = writeSandboxEvent(writes, source, event);
      return changed.ignored === undefined ? changed : undefined;
    });
  } catch (error) {
    if (!(error instanceof SandglassError) || error.reason !== 'snapshot_quota_exceeded') throw error;
    return await changeSandbox(ctx.store, namespace, id, { type: 'capture_failed', failure: failureOf(error), at: ctx.clock.now() });
  }
}

/** Ends the sandbox on condition that its snapshot is still active in the same commit; has it paused when the snapshot never will be. */
function lookAtCapture(ctx: ControlContext, { namespace, id }: Sandbox): Promise<Changed<Sandbox> | undefined> {
  const { store, clock } = ctx;
  return retryAborted(async () => {
    const source = await readSandboxEntry(store, namespace, id);
    const { timeoutSnapshotId: snapshotId, nextAttemptAt = 0 } = source.sandbox;
    if (snapshotId === undefined) return undefined;
    const key = snapshotKey(namespace, snapshotId);
    const entry = await store.get(key);
    const snapshot = entry && snapshotRecord.decode(entry.value);
    const at = clock.now();
    const failure = captureFailureOf(snapshotId, snapshot);
    const isActive = snapshot?.status === 'active';
    if (!isActive && failure === undefined && nextAttemptAt > at) return undefined;
    const writes = new WriteSet().check(key, entry?.revision);
    const changed = writeSandboxEvent(
      writes,
      source,
      isActive
        ? { type: 'captured', snapshotId }
        : failure !== undefined
          ? { type: 'capture_failed', snapshotId, failure, at }
          : { type: 'postponed', reason: 'its snapshot is being taken', retryAt: at + LOOK_AGAIN_MS },
    );
    if (changed.ignored === undefined) await store.commit(writes.toRequest());
    return changed;
  });
}

/** Why the snapshot will never be active; undefined while it may be. */
function captureFailureOf(id: SnapshotId, snapshot: Snapshot | undefined): Failure | undefined {
  if (snapshot?.status === 'failed' && snapshot.error !== undefined) {
    const { reason, message } = snapshot.error;
    return { reason, message: `snapshot ${id}, which its timeout asked for, failed: ${message}` };
  }
  if (snapshot !== undefined && snapshot.status !== 'failed' && snapshot.status !== 'deleting') return undefined;
  return { reason: 'snapshot_failed', message: `snapshot ${id}, which its timeout asked for, was deleted before it was active` };
}
