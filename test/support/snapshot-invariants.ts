import { isDeepStrictEqual } from 'node:util';
import { getsOn } from '../../src/model/operation.ts';
import { type Snapshot, type SnapshotStatus, snapshotDueAt, snapshotExpiresAt } from '../../src/model/snapshot.ts';
import type { SnapshotEvent } from '../../src/model/snapshot-lifecycle.ts';
import { FAILED_RETENTION_SECS, RETRY } from './lifecycle-world.ts';
import { always, type Invariants, onChange } from './random-walk.ts';

const isUnfinished = ({ status }: Snapshot) => status === 'creating' || status === 'uploading' || status === 'deleting';

/** A snapshot only ever gets to a higher rank, or stays as it is. */
const RANK: Readonly<Record<SnapshotStatus, number>> = { creating: 0, uploading: 1, active: 2, failed: 2, deleting: 3 };

const IDENTITY = [
  'id',
  'namespace',
  'sandboxId',
  'executorId',
  'name',
  'labels',
  'createdAt',
  'ttlSecs',
  'imageRef',
  'sandboxConfig',
] as const;

/** The invariants of `docs/spec/snapshot-lifecycle.md`. */
export const SNAPSHOT_INVARIANTS: Invariants<Snapshot, SnapshotEvent> = {
  'never-without-a-clock': always((snapshot) => {
    if (isUnfinished(snapshot)) return snapshotDueAt(snapshot) !== undefined;
    const mustEnd = snapshot.status === 'failed' || snapshot.ttlSecs > 0;
    return snapshotDueAt(snapshot) === undefined && (snapshotExpiresAt(snapshot) !== undefined) === mustEnd;
  }),

  'active-is-complete': always(({ status, digest, sizeBytes, layerCount, timings, activatedAt, availableOn, operation, error }) => {
    if (status !== 'active') return true;
    const facts = [digest, sizeBytes, layerCount, timings, activatedAt];
    return !facts.includes(undefined) && availableOn.length > 0 && operation === undefined && error === undefined;
  }),

  'failed-says-why': always(({ status, error, statusReason, failedAt, expiresAt }) => {
    if (status !== 'failed') return true;
    if (error === undefined || statusReason !== error.message || failedAt === undefined) return false;
    const wasTried = error.attempts >= 1 || error.reason === 'executor_lost';
    return wasTried && expiresAt === failedAt + FAILED_RETENTION_SECS * 1000;
  }),

  'old-attempts-change-nothing': ({ before: { operation }, event, outcome }) => {
    if (event === undefined || !('ref' in event)) return true;
    const isCurrent = operation?.operationId === event.ref.operationId && operation.attempt === event.ref.attempt;
    return isCurrent || (outcome.kind === 'ignored' && outcome.because === 'stale');
  },

  'status-only-moves-forward': onChange(
    ({ status: from }, { status: to }) => RANK[to] > RANK[from] || (RANK[to] === RANK[from] && to === from),
  ),

  'gone-only-from-deleting': ({ before, outcome }) => outcome.kind !== 'gone' || before.status === 'deleting',

  'attempts-are-bounded': always(({ status, attempt }) => status === 'deleting' || attempt <= RETRY.maxAttempts),

  'attempts-count-up-by-one': onChange(
    (before, after) => after.attempt === 0 || after.attempt === before.attempt || after.attempt === before.attempt + 1,
  ),

  'ttl-counts-from-creation': always(({ failedAt, expiresAt, createdAt, ttlSecs }) => {
    if (failedAt !== undefined) return true;
    return expiresAt === (ttlSecs > 0 ? createdAt + ttlSecs * 1000 : undefined);
  }),

  'one-operation-while-it-is-waited-for': always((snapshot) => {
    const { status, operation, nextAttemptAt, attempt, progress } = snapshot;
    if (operation === undefined) return progress === undefined && (nextAttemptAt === undefined || isUnfinished(snapshot));
    const kind = status === 'deleting' ? 'delete_snapshot' : 'create_snapshot';
    return isUnfinished(snapshot) && operation.kind === kind && operation.attempt === attempt && nextAttemptAt === undefined;
  }),

  'what-is-over-stays-over': onChange((before, after, { type }) => {
    const isNew = (field: 'operation' | 'progress' | 'nextAttemptAt') => before[field] === undefined && after[field] !== undefined;
    if (isNew('operation') && type !== 'attempt_started') return false;
    if (isNew('progress') && type !== 'progressed') return false;
    return !isNew('nextAttemptAt') || type === 'attempt_failed' || type === 'due';
  }),

  'nothing-is-done-early': ({ before, event, outcome }) => {
    if (event?.type !== 'due' && event?.type !== 'expired') return true;
    const from = event.type === 'due' ? snapshotDueAt(before) : snapshotExpiresAt(before);
    return outcome.kind === 'ignored' || (from !== undefined && from <= event.at);
  },

  'only-progress-moves-a-deadline': onChange(({ operation: was, progress }, { operation: is }, event) => {
    if (was === undefined || is === undefined || was.operationId !== is.operationId || was.deadlineAt === is.deadlineAt) return true;
    return is.deadlineAt > was.deadlineAt && event.type === 'progressed' && getsOn(progress, event.progress);
  }),

  'identity-is-kept': onChange((before, after) => IDENTITY.every((field) => before[field] === after[field])),

  'a-record-is-plain-json': always((snapshot) => isDeepStrictEqual(JSON.parse(JSON.stringify(snapshot)), snapshot)),
};
