import type { Failure } from '../../src/model/errors.ts';
import type { Progress } from '../../src/model/operation.ts';
import type { Captured, Snapshot } from '../../src/model/snapshot.ts';
import type { SnapshotEvent } from '../../src/model/snapshot-lifecycle.ts';
import { ATTEMPT_MS, ELSEWHERE, FAILED_RETENTION_SECS, HERE, RETRY, type World } from './lifecycle-world.ts';

export const CAPTURED: Captured = { digest: `sha256:${'a'.repeat(64)}`, sizeBytes: 1_000, layerCount: 2, freezeMs: 12, captureMs: 340 };
const PUSHED_DIGEST = `sha256:${'b'.repeat(64)}`;
export const PASSING: Failure = { reason: 'engine_error', message: 'the engine is out of sorts' };
export const FINAL: Failure = { reason: 'sandbox_not_running', message: 'there is nothing to capture' };

type Event<T extends SnapshotEvent['type']> = Extract<SnapshotEvent, { type: T }>;
type Variants = { readonly [T in SnapshotEvent['type']]: () => readonly Event<T>[] };

/** For each type of event, everything of that type that can happen to `snapshot` in `world`: sensible, late, repeated and wrong. */
export function snapshotEvents(snapshot: Snapshot, world: World): Variants {
  const at = world.now;
  const refs = world.refs();
  const attempt = snapshot.attempt + 1;
  const fitting = snapshot.status === 'deleting' ? 'delete_snapshot' : 'create_snapshot';
  const context = { at, retry: RETRY, random: 0.5, failedRetentionSecs: FAILED_RETENTION_SECS };
  return {
    attempt_started: () => [
      { type: 'attempt_started', operation: world.propose(fitting, attempt) },
      { type: 'attempt_started', operation: world.propose(fitting, attempt + 1) },
      { type: 'attempt_started', operation: world.propose('create_snapshot', attempt) },
      { type: 'attempt_started', operation: world.propose('delete_snapshot', attempt, ELSEWHERE) },
      { type: 'attempt_started', operation: world.propose('stop_sandbox', attempt) },
    ],
    progressed: () =>
      refs.flatMap((ref) =>
        progressFrom(snapshot.progress).flatMap((progress) =>
          [at + ATTEMPT_MS, at].map((deadlineAt) => ({ type: 'progressed' as const, ref, progress, deadlineAt })),
        ),
      ),
    captured: () =>
      refs.flatMap((ref) => [false, true].map((upload) => ({ type: 'captured' as const, ref, captured: CAPTURED, at, upload }))),
    uploaded: () => refs.map((ref) => ({ type: 'uploaded', ref, digest: PUSHED_DIGEST, uploadMs: 900, at })),
    removed: () => refs.map((ref) => ({ type: 'removed', ref })),
    attempt_failed: () =>
      refs.flatMap((ref) => [PASSING, FINAL].map((failure) => ({ type: 'attempt_failed' as const, ref, failure, ...context }))),
    due: () => [{ type: 'due', ...context }],
    delete_requested: () => [{ type: 'delete_requested' }],
    expired: () => [{ type: 'expired', at }],
    executor_lost: () => [HERE, ELSEWHERE].map((executorId) => ({ type: 'executor_lost', executorId, ...context })),
  };
}

/** The same as before, less, more bytes, more layers and another phase. */
export function progressFrom(before: Progress = { phase: 'capturing', bytesDone: 10, layersDone: 1 }): readonly Progress[] {
  return [
    before,
    { ...before, bytesDone: before.bytesDone - 1 },
    { ...before, bytesDone: before.bytesDone + 1 },
    { ...before, layersDone: (before.layersDone ?? 0) + 1 },
    { phase: before.phase === 'uploading' ? 'capturing' : 'uploading', bytesDone: 0 },
  ];
}
