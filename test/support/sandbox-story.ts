import type { Failure } from '../../src/model/errors.ts';
import type { ExecutorId } from '../../src/model/ids.ts';
import type { AttemptRef } from '../../src/model/operation.ts';
import type { Sandbox } from '../../src/model/sandbox.ts';
import type { SandboxEvent } from '../../src/model/sandbox-event.ts';
import { transitionSandbox } from '../../src/model/sandbox-lifecycle.ts';
import { ATTEMPT_MS, HERE, idOf, newSandbox, RETRY, World } from './lifecycle-world.ts';
import { FITTING, PASSING } from './sandbox-events.ts';

/** A sandbox that is taken from step to step. Each step must have an effect: what a story reaches can really happen. */
export class SandboxStory {
  readonly world = new World();
  sandbox: Sandbox;

  constructor(overrides: Partial<Sandbox> = {}) {
    this.sandbox = newSandbox(overrides);
  }

  apply(event: SandboxEvent): this {
    const outcome = transitionSandbox(this.sandbox, event);
    if (outcome.kind !== 'changed') throw new Error(`${event.type} of a sandbox that is ${this.sandbox.status}: ${outcome.kind}`);
    this.sandbox = outcome.next;
    return this;
  }

  /** The attempt that is under way. */
  get ref(): AttemptRef {
    const { operation } = this.sandbox;
    if (operation === undefined) throw new Error('no attempt is under way');
    return { operationId: operation.operationId, attempt: operation.attempt };
  }

  get context() {
    return { at: this.world.now, retry: RETRY, random: 0.5 };
  }

  /** Gives the instruction that the status calls for: start, pause, resume or stop. */
  attempt(executorId: ExecutorId = HERE): this {
    this.world.now = Math.max(this.world.now, this.sandbox.nextAttemptAt ?? 0);
    const operation = this.world.issue(this.world.propose(FITTING[this.sandbox.status], this.sandbox.attempt + 1, executorId));
    return this.apply({ type: 'attempt_started', operation });
  }

  progress(bytesDone = 10): this {
    const deadlineAt = this.world.now + ATTEMPT_MS;
    return this.apply({ type: 'progressed', ref: this.ref, progress: { phase: 'pulling', bytesDone, layersDone: 1 }, deadlineAt });
  }

  succeed(): this {
    return this.apply({ type: 'attempt_succeeded', ref: this.ref, at: this.world.now });
  }

  fail(failure: Failure = PASSING): this {
    return this.apply({ type: 'attempt_failed', ref: this.ref, failure, ...this.context });
  }

  /** Nothing is heard until the deadline. */
  timeOut(): this {
    this.world.now = this.sandbox.operation?.deadlineAt ?? this.world.now;
    return this.due();
  }

  due(): this {
    return this.apply({ type: 'due', ...this.context });
  }

  stop(): this {
    return this.apply({ type: 'stop_requested', outcome: 'stopped', message: 'deleted', at: this.world.now });
  }

  /** Nothing happens until its timeout has passed. */
  expire(): this {
    this.world.now = Math.max(this.world.now, this.sandbox.expiresAt ?? 0);
    return this;
  }

  /** The snapshot with number `n`, which its timeout asks for, is begun. */
  capture(n = 1): this {
    const { now } = this.world;
    return this.apply({ type: 'capture_started', snapshotId: idOf('snapshot', n), at: now, retryAt: now + 30_000 });
  }

  captured(n = 1): this {
    return this.apply({ type: 'captured', snapshotId: idOf('snapshot', n) });
  }

  captureFailed(n = 1, failure: Failure = PASSING): this {
    return this.apply({ type: 'capture_failed', snapshotId: idOf('snapshot', n), failure, at: this.world.now });
  }

  /** No snapshot may be begun. */
  captureRefused(failure: Failure = PASSING): this {
    return this.apply({ type: 'capture_failed', failure, at: this.world.now });
  }

  setTimeout(timeoutSecs: number): this {
    return this.apply({ type: 'timeout_set', timeoutSecs, at: this.world.now });
  }

  postpone(reason = 'no executor has room'): this {
    return this.apply({ type: 'postponed', reason, retryAt: this.world.now + 30_000 });
  }

  lose(executorId: ExecutorId = HERE): this {
    return this.apply({ type: 'executor_lost', executorId, at: this.world.now });
  }

  wait(ms: number): this {
    this.world.now += ms;
    return this;
  }
}
