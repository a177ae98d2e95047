import type { Failure } from '../../src/model/errors.ts';
import type { ExecutorId } from '../../src/model/ids.ts';
import type { AttemptRef } from '../../src/model/operation.ts';
import type { Snapshot } from '../../src/model/snapshot.ts';
import { type SnapshotEvent, transitionSnapshot } from '../../src/model/snapshot-lifecycle.ts';
import { ATTEMPT_MS, FAILED_RETENTION_SECS, HERE, newSnapshot, RETRY, World } from './lifecycle-world.ts';
import { CAPTURED, PASSING } from './snapshot-events.ts';

/** A snapshot that is taken from step to step. Each step must have an effect: what a story reaches can really happen. */
export class SnapshotStory {
  readonly world = new World();
  snapshot: Snapshot;

  constructor(overrides: Partial<Snapshot> = {}) {
    this.snapshot = newSnapshot(overrides);
  }

  apply(event: SnapshotEvent): this {
    const outcome = transitionSnapshot(this.snapshot, event);
    if (outcome.kind !== 'changed') throw new Error(`${event.type} of a snapshot that is ${this.snapshot.status}: ${outcome.kind}`);
    this.snapshot = outcome.next;
    return this;
  }

  /** The attempt that is under way. */
  get ref(): AttemptRef {
    const { operation } = this.snapshot;
    if (operation === undefined) throw new Error('no attempt is under way');
    return { operationId: operation.operationId, attempt: operation.attempt };
  }

  get context() {
    return { at: this.world.now, retry: RETRY, random: 0.5, failedRetentionSecs: FAILED_RETENTION_SECS };
  }

  attempt(executorId: ExecutorId = HERE): this {
    this.world.now = Math.max(this.world.now, this.snapshot.nextAttemptAt ?? 0);
    const kind = this.snapshot.status === 'deleting' ? 'delete_snapshot' : 'create_snapshot';
    return this.apply({
      type: 'attempt_started',
      operation: this.world.issue(this.world.propose(kind, this.snapshot.attempt + 1, executorId)),
    });
  }

  progress(bytesDone = 10): this {
    const deadlineAt = this.world.now + ATTEMPT_MS;
    return this.apply({ type: 'progressed', ref: this.ref, progress: { phase: 'capturing', bytesDone, layersDone: 1 }, deadlineAt });
  }

  capture({ upload = false } = {}): this {
    return this.apply({ type: 'captured', ref: this.ref, captured: CAPTURED, at: this.world.now, upload });
  }

  upload(): this {
    return this.apply({ type: 'uploaded', ref: this.ref, digest: CAPTURED.digest, uploadMs: 900, at: this.world.now });
  }

  fail(failure: Failure = PASSING): this {
    return this.apply({ type: 'attempt_failed', ref: this.ref, failure, ...this.context });
  }

  /** Nothing is heard until the deadline. */
  timeOut(): this {
    this.world.now = this.snapshot.operation?.deadlineAt ?? this.world.now;
    return this.apply({ type: 'due', ...this.context });
  }

  delete(): this {
    return this.apply({ type: 'delete_requested' });
  }

  lose(executorId: ExecutorId = HERE): this {
    return this.apply({ type: 'executor_lost', executorId, ...this.context });
  }

  wait(ms: number): this {
    this.world.now += ms;
    return this;
  }
}
