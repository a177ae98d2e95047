import { type Failure, SandglassError } from './errors.ts';
import type { ExecutorId } from './ids.ts';
import { type AttemptRef, getsOn, type PendingOperation } from './operation.ts';
import type { Sandbox } from './sandbox.ts';
import type { Event } from './sandbox-event.ts';
import { changed, noEffect, type Outcome, refused, stale } from './transition.ts';

/*
 * What the transitions of every state have in common: how an attempt begins, gets on and is over, and which reports count.
 */

/** Begins an attempt at what the state calls for. */
export function startAttempt(sandbox: Sandbox, { operation }: Event<'attempt_started'>, kind: PendingOperation['kind']): Outcome<Sandbox> {
  const underWay = sandbox.operation?.kind;
  if (underWay !== undefined && underWay !== operation.kind) {
    return refused(
      new SandglassError('sandbox_not_running', `sandbox ${sandbox.id} is busy with ${underWay}; try again when that is done`),
    );
  }
  if (underWay !== undefined || operation.kind !== kind) return noEffect;
  if (operation.attempt !== sandbox.attempt + 1 || operation.executorId !== sandbox.executorId) return stale;
  const { nextAttemptAt: _next, ...rest } = sandbox;
  return changed({ ...rest, attempt: operation.attempt, operation });
}

/** Only work that gets on moves the deadline, and only forwards: an attempt that reports the same for ever still ends. */
export function progress(sandbox: Sandbox, { ref, progress, deadlineAt }: Event<'progressed'>): Outcome<Sandbox> {
  return fenced(sandbox, ref, (operation) => {
    if (!getsOn(sandbox.progress, progress)) return noEffect;
    return changed({ ...sandbox, progress, operation: { ...operation, deadlineAt: Math.max(operation.deadlineAt, deadlineAt) } });
  });
}

/** The sandbox with its operation ended and `change` applied. */
export function settled(sandbox: Sandbox, change: Partial<Sandbox>): Sandbox {
  const { operation: _operation, failure: _failure, nextAttemptAt: _next, progress: _progress, ...rest } = sandbox;
  return { ...rest, attempt: 0, ...change };
}

/** Runs `then` only for a result of the attempt that is waited for. */
export function fenced(sandbox: Sandbox, ref: AttemptRef, then: (operation: PendingOperation) => Outcome<Sandbox>): Outcome<Sandbox> {
  const { operation } = sandbox;
  return operation?.operationId === ref.operationId && operation.attempt === ref.attempt ? then(operation) : stale;
}

/** Runs `then` only for what comes from the executor where the sandbox is. */
export function onExecutor(sandbox: Sandbox, executorId: ExecutorId, then: () => Outcome<Sandbox>): Outcome<Sandbox> {
  return sandbox.executorId === executorId ? then() : stale;
}

/** Runs `then` only once the deadline of the attempt has passed. */
export function onDeadline(sandbox: Sandbox, at: number, then: (failure: Failure) => Outcome<Sandbox>): Outcome<Sandbox> {
  const { operation } = sandbox;
  if (operation === undefined || operation.deadlineAt > at) return noEffect;
  return then({ reason: 'deadline_exceeded', message: `executor ${operation.executorId} did not finish ${operation.kind} in time` });
}
