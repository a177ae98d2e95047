import { isDeepStrictEqual } from 'node:util';
import { getsOn, type OperationKind } from '../../src/model/operation.ts';
import { occupiesExecutor, type Sandbox, type SandboxStatus, sandboxDueAt, timeoutInForce } from '../../src/model/sandbox.ts';
import type { SandboxEvent } from '../../src/model/sandbox-event.ts';
import { RETRY } from './lifecycle-world.ts';
import { always, type Invariants, onChange } from './random-walk.ts';

/** What a sandbox can wait for in each status. */
const AWAITED: Readonly<Record<SandboxStatus, OperationKind | undefined>> = {
  pending: undefined,
  starting: 'start_sandbox',
  running: 'pause_sandbox',
  paused: 'resume_sandbox',
  stopping: 'stop_sandbox',
  terminated: undefined,
};

const isLive = ({ status }: Sandbox) => status === 'running' || status === 'paused';
const isEnding = ({ status }: Sandbox) => status === 'stopping' || status === 'terminated';

const IDENTITY = ['id', 'namespace', 'spec', 'labels', 'createdAt', 'startDeadlineAt'] as const;

/** The invariants of `docs/spec/sandbox-lifecycle.md`. */
export const SANDBOX_INVARIANTS: Invariants<Sandbox, SandboxEvent> = {
  'never-without-a-clock': always((sandbox) => {
    const dueAt = sandboxDueAt(sandbox);
    if (sandbox.status === 'terminated') return dueAt === undefined && sandbox.terminatedAt !== undefined;
    if (isLive(sandbox)) return (dueAt !== undefined) === (sandbox.operation !== undefined || sandbox.expiresAt !== undefined);
    return dueAt !== undefined && (sandbox.status !== 'pending' || dueAt <= sandbox.startDeadlineAt);
  }),

  'an-end-is-final': onChange((before, after) => {
    if (before.status === 'terminated') return false;
    return before.status !== 'stopping' || (isEnding(after) && after.outcome === before.outcome && after.message === before.message);
  }),

  'gone-only-from-terminated': ({ before, outcome }) => outcome.kind !== 'gone' || before.status === 'terminated',

  'an-end-says-why': always((sandbox) => {
    const says = sandbox.outcome !== undefined && sandbox.message !== undefined;
    return isEnding(sandbox) ? says : sandbox.outcome === undefined && sandbox.message === undefined;
  }),

  'why-it-did-not-start-is-kept': onChange((before, after) => {
    return before.outcome !== 'start_failed' || isDeepStrictEqual(after.failure, before.failure);
  }),

  'old-attempts-change-nothing': ({ before: { operation }, event, outcome }) => {
    if (event === undefined || !('ref' in event)) return true;
    const isCurrent = operation?.operationId === event.ref.operationId && operation.attempt === event.ref.attempt;
    return isCurrent || (outcome.kind === 'ignored' && outcome.because === 'stale');
  },

  'starts-are-bounded': onChange((before, after, { type }) => {
    const failed = before.status === 'starting' && (type === 'attempt_failed' || type === 'due');
    return !failed || after.status !== 'pending' || before.attempt < RETRY.maxAttempts;
  }),

  'attempts-count-up-by-one': onChange(
    (before, after) => after.attempt === 0 || after.attempt === before.attempt || after.attempt === before.attempt + 1,
  ),

  'time-counts-while-it-runs': always((sandbox) => {
    const { status, startedAt, expiresAt } = sandbox;
    if (isEnding(sandbox)) return true;
    return (
      (expiresAt !== undefined) === (status === 'running' && timeoutInForce(sandbox) > 0) && (!isLive(sandbox) || startedAt !== undefined)
    );
  }),

  'a-timeout-begins-with-a-run-or-a-request': onChange((before, after, event) => {
    if (after.status !== 'running') return true;
    if (before.status === 'running' && event.type !== 'timeout_set') return after.expiresAt === before.expiresAt;
    const secs = timeoutInForce(after);
    return 'at' in event && after.expiresAt === (secs > 0 ? event.at + secs * 1000 : undefined);
  }),

  'a-timeout-ends-only-what-it-may': onChange((before, after, { type }) => {
    if (before.status !== 'running' || after.outcome !== 'timeout') return true;
    const { onTimeout } = after.spec;
    return onTimeout === 'terminate' || (onTimeout === 'snapshot' && type === 'captured' && after.timeoutSnapshotId !== undefined);
  }),

  'a-snapshot-of-a-timeout-is-awaited-or-the-last': always((sandbox) => {
    if (sandbox.captureFailure !== undefined && !isLive(sandbox)) return false;
    if (sandbox.timeoutSnapshotId === undefined) return true;
    return sandbox.captureFailure === undefined && (sandbox.status === 'running' ? sandbox.expiresAt !== undefined : isEnding(sandbox));
  }),

  'placed-for-as-long-as-it-is-somewhere': always((sandbox) => {
    const isSomewhere = sandbox.status !== 'pending' && sandbox.status !== 'terminated';
    return occupiesExecutor(sandbox) === isSomewhere && (sandbox.operation?.executorId ?? sandbox.executorId) === sandbox.executorId;
  }),

  'one-operation-while-it-is-waited-for': always(({ status, operation, attempt, nextAttemptAt, progress }) => {
    if (operation === undefined) return status !== 'starting' && progress === undefined;
    return operation.kind === AWAITED[status] && operation.attempt === attempt && nextAttemptAt === undefined;
  }),

  'what-is-over-stays-over': onChange((before, after, { type }) => {
    if (before.operation === undefined && after.operation !== undefined) return type === 'attempt_started';
    return before.progress !== undefined || after.progress === undefined || type === 'progressed';
  }),

  'nothing-is-done-early': ({ before, event, outcome }) => {
    if (event?.type !== 'due' && event?.type !== 'capture_started') return true;
    const dueAt = sandboxDueAt(before);
    return outcome.kind === 'ignored' || (dueAt !== undefined && dueAt <= event.at);
  },

  'only-progress-moves-a-deadline': onChange(({ operation: was, progress }, { operation: is }, event) => {
    if (was === undefined || is === undefined || was.operationId !== is.operationId || was.deadlineAt === is.deadlineAt) return true;
    return is.deadlineAt > was.deadlineAt && event.type === 'progressed' && getsOn(progress, event.progress);
  }),

  'identity-is-kept': onChange((before, after) => IDENTITY.every((field) => before[field] === after[field])),

  'a-record-is-plain-json': always((sandbox) => isDeepStrictEqual(JSON.parse(JSON.stringify(sandbox)), sandbox)),
};
