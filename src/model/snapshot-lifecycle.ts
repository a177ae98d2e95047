import { backoffMs } from '../lib/backoff.ts';
import type { Failure } from './errors.ts';
import type { ExecutorId } from './ids.ts';
import { type AttemptRef, getsOn, type PendingOperation, type Progress, type RetryPolicy } from './operation.ts';
import { REASONS } from './reasons.ts';
import type { Captured, Snapshot, SnapshotStatus } from './snapshot.ts';
import { changed, gone, noEffect, type Outcome, stale, type TransitionTable } from './transition.ts';

/**
 * Everything that can happen to a snapshot. Times are epoch milliseconds.
 * `docs/spec/snapshot-lifecycle.md` is this in words; the table below is total by type.
 */
export type SnapshotEvent =
  /** A controller or command issues an operation for it. */
  | { readonly type: 'attempt_started'; readonly operation: PendingOperation }
  /** The executor is at work; `deadlineAt` is the new deadline of the attempt. */
  | { readonly type: 'progressed'; readonly ref: AttemptRef; readonly progress: Progress; readonly deadlineAt: number }
  /** The image exists on the executor. `upload` says whether it goes on to a registry. */
  | { readonly type: 'captured'; readonly ref: AttemptRef; readonly captured: Captured; readonly at: number; readonly upload: boolean }
  /** The image is in the registry. */
  | { readonly type: 'uploaded'; readonly ref: AttemptRef; readonly digest: string; readonly uploadMs: number; readonly at: number }
  /** The image is removed. */
  | { readonly type: 'removed'; readonly ref: AttemptRef }
  /** The executor could not do it. `random` in [0, 1) spreads retries. */
  | ({ readonly type: 'attempt_failed'; readonly ref: AttemptRef; readonly failure: Failure } & FailureContext)
  /** Time has reached what `snapshotDueAt` says. */
  | ({ readonly type: 'due' } & FailureContext)
  | { readonly type: 'delete_requested' }
  /** The TTL of an active snapshot, or the retention of a failed one, has passed. */
  | { readonly type: 'expired'; readonly at: number }
  /** The executor has not been heard of for longer than the grace period. */
  | ({ readonly type: 'executor_lost'; readonly executorId: ExecutorId } & FailureContext);

/** What is needed to decide between another attempt and failure. */
interface FailureContext {
  readonly at: number;
  readonly retry: RetryPolicy;
  readonly random: number;
  /** How long a failed snapshot is kept, so that its error is seen. */
  readonly failedRetentionSecs: number;
}

/** Applies `event` to `snapshot`. Pure: the caller stores the outcome by compare-and-set. */
export function transitionSnapshot(snapshot: Snapshot, event: SnapshotEvent): Outcome<Snapshot> {
  const cell = TABLE[snapshot.status][event.type] as (snapshot: Snapshot, event: SnapshotEvent) => Outcome<Snapshot>;
  return cell(snapshot, event);
}

type Event<T extends SnapshotEvent['type']> = Extract<SnapshotEvent, { type: T }>;
const ignore = () => noEffect;
const late = () => stale;

const TABLE: TransitionTable<SnapshotStatus, Snapshot, SnapshotEvent> = {
  creating: {
    attempt_started: (snapshot, event) => startAttempt(snapshot, event, 'create_snapshot'),
    progressed: progress,
    captured,
    uploaded: late,
    removed: late,
    attempt_failed: attemptFailed,
    due: timedOut,
    delete_requested: startDeleting,
    expired: ignore, // a snapshot cannot expire before it exists; its deadline ends it
    executor_lost: sourceLost,
  },
  uploading: {
    attempt_started: (snapshot, event) => startAttempt(snapshot, event, 'create_snapshot'), // finds the image made, and uploads it
    progressed: progress,
    captured, // by the attempt after a failed upload
    uploaded,
    removed: late,
    attempt_failed: attemptFailed,
    due: timedOut,
    delete_requested: startDeleting,
    expired: ignore,
    executor_lost: sourceLost,
  },
  active: {
    attempt_started: ignore,
    progressed: late,
    captured: late,
    uploaded: late,
    removed: late,
    attempt_failed: late,
    due: ignore,
    delete_requested: startDeleting,
    expired: deleteIfExpired,
    executor_lost: ignore, // its image is on the disk of an executor that may return
  },
  failed: {
    attempt_started: ignore,
    progressed: late,
    captured: late,
    uploaded: late,
    removed: late,
    attempt_failed: late,
    due: ignore,
    delete_requested: startDeleting,
    expired: deleteIfExpired,
    executor_lost: ignore,
  },
  deleting: {
    attempt_started: (snapshot, event) => startAttempt(snapshot, event, 'delete_snapshot'),
    progressed: progress,
    captured: late,
    uploaded: late,
    removed,
    attempt_failed: deleteFailed,
    due: deleteTimedOut,
    delete_requested: ignore,
    expired: ignore,
    executor_lost: forgetWithExecutor,
  },
};

function startAttempt(snapshot: Snapshot, { operation }: Event<'attempt_started'>, kind: PendingOperation['kind']): Outcome<Snapshot> {
  if (operation.kind !== kind || snapshot.operation !== undefined) return noEffect;
  if (operation.attempt !== snapshot.attempt + 1) return stale;
  const { nextAttemptAt: _next, ...rest } = snapshot;
  return changed({ ...rest, attempt: operation.attempt, operation });
}

/** Only work that gets on moves the deadline, and only forwards: an attempt that reports the same for ever still ends. */
function progress(snapshot: Snapshot, event: Event<'progressed'>): Outcome<Snapshot> {
  return fenced(snapshot, event.ref, (operation) => {
    if (!getsOn(snapshot.progress, event.progress)) return noEffect;
    const deadlineAt = Math.max(operation.deadlineAt, event.deadlineAt);
    return changed({ ...snapshot, progress: event.progress, operation: { ...operation, deadlineAt } });
  });
}

function captured(snapshot: Snapshot, event: Event<'captured'>): Outcome<Snapshot> {
  return fenced(snapshot, event.ref, () => {
    const { digest, sizeBytes, layerCount, freezeMs, captureMs } = event.captured;
    const facts = {
      digest,
      sizeBytes,
      layerCount,
      availableOn: [snapshot.executorId],
      timings: { freezeMs, captureMs, totalMs: event.at - snapshot.createdAt },
    };
    if (event.upload) return changed({ ...snapshot, ...facts, status: 'uploading' });
    return changed({ ...settled(snapshot), ...facts, status: 'active', activatedAt: event.at });
  });
}

function uploaded(snapshot: Snapshot, event: Event<'uploaded'>): Outcome<Snapshot> {
  return fenced(snapshot, event.ref, () => {
    const { freezeMs = 0, captureMs = 0 } = snapshot.timings ?? {};
    return changed({
      ...settled(snapshot),
      status: 'active',
      activatedAt: event.at,
      digest: event.digest,
      inRegistry: true,
      timings: { freezeMs, captureMs, uploadMs: event.uploadMs, totalMs: event.at - snapshot.createdAt },
    });
  });
}

function attemptFailed(snapshot: Snapshot, event: Event<'attempt_failed'>): Outcome<Snapshot> {
  return fenced(snapshot, event.ref, () => retryOrFail(snapshot, event.failure, event));
}

function timedOut(snapshot: Snapshot, event: Event<'due'>): Outcome<Snapshot> {
  return onDeadline(snapshot, event.at, (failure) => retryOrFail(snapshot, failure, event));
}

function sourceLost(snapshot: Snapshot, event: Event<'executor_lost'>): Outcome<Snapshot> {
  if (snapshot.executorId !== event.executorId) return noEffect;
  const message = `executor ${event.executorId} was lost before the snapshot was complete`;
  return fail(snapshot, { reason: 'executor_lost', message }, event);
}

function startDeleting(snapshot: Snapshot): Outcome<Snapshot> {
  const { statusReason: _reason, ...rest } = settled(snapshot);
  return changed({ ...rest, status: 'deleting' });
}

function deleteIfExpired(snapshot: Snapshot, { at }: Event<'expired'>): Outcome<Snapshot> {
  return snapshot.expiresAt !== undefined && snapshot.expiresAt <= at ? startDeleting(snapshot) : noEffect;
}

function deleteFailed(snapshot: Snapshot, event: Event<'attempt_failed'>): Outcome<Snapshot> {
  return fenced(snapshot, event.ref, () => retryDelete(snapshot, event.failure, event));
}

function deleteTimedOut(snapshot: Snapshot, event: Event<'due'>): Outcome<Snapshot> {
  return onDeadline(snapshot, event.at, (failure) => retryDelete(snapshot, failure, event));
}

/** The executor that removes the image here removes it from the registry too; then come the others that hold it. */
function removed(snapshot: Snapshot, { ref }: Event<'removed'>): Outcome<Snapshot> {
  return fenced(snapshot, ref, ({ executorId }) => {
    const elsewhere = holdersExcept(snapshot, executorId);
    return elsewhere.length === 0 ? gone : changed({ ...settled(snapshot), availableOn: elsewhere, inRegistry: false });
  });
}

/** Its executor is lost, and the image with it. Should the executor return, the inventory finds the image, and removes it. */
function forgetWithExecutor(snapshot: Snapshot, { executorId }: Event<'executor_lost'>): Outcome<Snapshot> {
  const isAsked = snapshot.operation?.executorId === executorId;
  const isHolder = snapshot.executorId === executorId || snapshot.availableOn.includes(executorId);
  if (!isAsked && !isHolder) return noEffect;
  const elsewhere = holdersExcept(snapshot, executorId);
  if (elsewhere.length === 0 && !snapshot.inRegistry) return gone;
  if (isAsked) return changed({ ...settled(snapshot), availableOn: elsewhere });
  return elsewhere.length === snapshot.availableOn.length ? noEffect : changed({ ...snapshot, availableOn: elsewhere });
}

function holdersExcept({ availableOn }: Snapshot, executorId: ExecutorId): readonly ExecutorId[] {
  return availableOn.filter((id) => id !== executorId);
}

function retryOrFail(snapshot: Snapshot, failure: Failure, context: FailureContext): Outcome<Snapshot> {
  if (!REASONS[failure.reason].retryable || snapshot.attempt >= context.retry.maxAttempts) {
    return fail(snapshot, failure, context);
  }
  const { operation: _operation, progress: _progress, ...rest } = snapshot;
  return changed({
    ...rest,
    error: { ...failure, attempts: snapshot.attempt },
    statusReason: `attempt ${snapshot.attempt} of ${context.retry.maxAttempts} failed: ${failure.message}`,
    nextAttemptAt: context.at + backoffMs(context.retry.backoff, snapshot.attempt, context.random),
  });
}

function fail(snapshot: Snapshot, failure: Failure, { at, failedRetentionSecs }: FailureContext): Outcome<Snapshot> {
  return changed({
    ...settled(snapshot),
    status: 'failed',
    statusReason: failure.message,
    error: { ...failure, attempts: snapshot.attempt },
    failedAt: at,
    expiresAt: at + failedRetentionSecs * 1000,
  });
}

/** Removal is tried until it is done, or until the executor is lost: a snapshot that is gone left nothing behind. */
function retryDelete(snapshot: Snapshot, failure: Failure, { at, retry, random }: FailureContext): Outcome<Snapshot> {
  const { operation: _operation, progress: _progress, ...rest } = snapshot;
  return changed({
    ...rest,
    error: { ...failure, attempts: snapshot.attempt },
    statusReason: `attempt ${snapshot.attempt} to remove its image failed: ${failure.message}`,
    nextAttemptAt: at + backoffMs(retry.backoff, snapshot.attempt, random),
  });
}

/** The snapshot without what belongs to an operation that is over. */
function settled(snapshot: Snapshot): Snapshot {
  const { operation: _o, nextAttemptAt: _n, progress: _p, error: _e, statusReason: _s, ...rest } = snapshot;
  return { ...rest, attempt: 0 };
}

/** Runs `then` only for a report of the attempt that is waited for. */
function fenced(snapshot: Snapshot, ref: AttemptRef, then: (operation: PendingOperation) => Outcome<Snapshot>): Outcome<Snapshot> {
  const { operation } = snapshot;
  const isCurrent = operation?.operationId === ref.operationId && operation.attempt === ref.attempt;
  return isCurrent ? then(operation) : stale;
}

function onDeadline(snapshot: Snapshot, at: number, then: (failure: Failure) => Outcome<Snapshot>): Outcome<Snapshot> {
  const { operation } = snapshot;
  if (operation === undefined || operation.deadlineAt > at) return noEffect;
  return then({ reason: 'deadline_exceeded', message: `executor ${operation.executorId} did not finish ${operation.kind} in time` });
}
