import type { Failure } from '../../src/model/errors.ts';
import type { OperationKind } from '../../src/model/operation.ts';
import type { Sandbox, SandboxStatus } from '../../src/model/sandbox.ts';
import type { Event, SandboxEvent } from '../../src/model/sandbox-event.ts';
import { ATTEMPT_MS, ELSEWHERE, HERE, idOf, RETRY, type World } from './lifecycle-world.ts';
import { progressFrom } from './snapshot-events.ts';

export const PASSING: Failure = { reason: 'engine_unavailable', message: 'the engine does not answer' };
export const FINAL: Failure = { reason: 'image_not_found', message: 'no such image' };

type Variants = { readonly [T in SandboxEvent['type']]: () => readonly Event<T>[] };

/** The instruction that makes sense in each status. */
export const FITTING: Readonly<Record<SandboxStatus, OperationKind>> = {
  pending: 'start_sandbox',
  starting: 'start_sandbox',
  running: 'pause_sandbox',
  paused: 'resume_sandbox',
  stopping: 'stop_sandbox',
  terminated: 'stop_sandbox',
};

const KINDS: readonly OperationKind[] = ['start_sandbox', 'pause_sandbox', 'resume_sandbox', 'stop_sandbox', 'create_snapshot'];

/** For each type of event, everything of that type that can happen to `sandbox` in `world`: sensible, late, repeated and wrong. */
export function sandboxEvents(sandbox: Sandbox, world: World): Variants {
  const at = world.now;
  const refs = world.refs();
  const attempt = sandbox.attempt + 1;
  const fitting = FITTING[sandbox.status];
  const context = { at, retry: RETRY, random: 0.5 };
  const executors = [HERE, ELSEWHERE];
  const { timeoutSnapshotId } = sandbox;
  const snapshots = [timeoutSnapshotId ?? idOf('snapshot', 1), idOf('snapshot', 0xdead)];
  return {
    attempt_started: () => [
      { type: 'attempt_started', operation: world.propose(fitting, attempt) },
      { type: 'attempt_started', operation: world.propose(fitting, attempt), timeoutSecs: 60 },
      { type: 'attempt_started', operation: world.propose(fitting, attempt + 1) },
      { type: 'attempt_started', operation: world.propose(fitting, attempt, ELSEWHERE) },
      ...KINDS.map((kind) => ({ type: 'attempt_started' as const, operation: world.propose(kind, attempt) })),
    ],
    postponed: () => [{ type: 'postponed', reason: 'no executor has room', retryAt: at + 30_000 }],
    progressed: () =>
      refs.flatMap((ref) =>
        progressFrom(sandbox.progress).flatMap((progress) =>
          [at + ATTEMPT_MS, at].map((deadlineAt) => ({ type: 'progressed' as const, ref, progress, deadlineAt })),
        ),
      ),
    attempt_succeeded: () => refs.map((ref) => ({ type: 'attempt_succeeded', ref, at })),
    attempt_failed: () =>
      refs.flatMap((ref) => [PASSING, FINAL].map((failure) => ({ type: 'attempt_failed' as const, ref, failure, ...context }))),
    due: () => [{ type: 'due', ...context }],
    capture_started: () => snapshots.map((snapshotId) => ({ type: 'capture_started', snapshotId, at, retryAt: at + 30_000 })),
    captured: () => snapshots.map((snapshotId) => ({ type: 'captured', snapshotId })),
    capture_failed: () => [
      { type: 'capture_failed', ...(timeoutSnapshotId === undefined ? {} : { snapshotId: timeoutSnapshotId }), failure: FINAL, at },
      { type: 'capture_failed', failure: PASSING, at },
      { type: 'capture_failed', snapshotId: idOf('snapshot', 0xdead), failure: FINAL, at },
    ],
    timeout_set: () => [0, 60, 86_400].map((timeoutSecs) => ({ type: 'timeout_set', timeoutSecs, at })),
    stop_requested: () => [{ type: 'stop_requested', outcome: 'stopped', message: 'deleted', at }],
    exited: () =>
      executors.flatMap((executorId) => [
        { type: 'exited' as const, executorId, exitCode: 0, oomKilled: false, at },
        { type: 'exited' as const, executorId, exitCode: 137, oomKilled: true, at },
      ]),
    found: () =>
      executors.flatMap((executorId) =>
        (['running', 'paused'] as const).map((state) => ({ type: 'found' as const, executorId, state, at })),
      ),
    vanished: () => executors.map((executorId) => ({ type: 'vanished', executorId, at })),
    executor_lost: () => executors.map((executorId) => ({ type: 'executor_lost', executorId, at })),
    retention_passed: () => [{ type: 'retention_passed' }],
  };
}
