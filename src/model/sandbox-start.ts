import { backoffMs } from '../lib/backoff.ts';
import type { Failure } from './errors.ts';
import { REASONS } from './reasons.ts';
import type { Sandbox } from './sandbox.ts';
import { fenced, onDeadline, onExecutor, settled } from './sandbox-attempt.ts';
import type { Event, RetryContext } from './sandbox-event.ts';
import { terminated } from './sandbox-stop.ts';
import { withClock } from './sandbox-timeout.ts';
import { changed, noEffect, type Outcome, stale } from './transition.ts';

/* How a sandbox comes to run: the transitions of `pending` and `starting`. */

/** An executor is told to start it. */
export function start(sandbox: Sandbox, { operation, source }: Event<'attempt_started'>): Outcome<Sandbox> {
  if (operation.kind !== 'start_sandbox') return noEffect;
  if (operation.attempt !== sandbox.attempt + 1) return stale;
  const { nextAttemptAt: _next, pendingReason: _reason, ...rest } = sandbox;
  return changed({
    ...rest,
    ...(source === undefined ? {} : { source }),
    status: 'starting',
    executorId: operation.executorId,
    attempt: operation.attempt,
    operation,
  });
}

/** It waits for something. */
export function postpone(sandbox: Sandbox, { reason, retryAt }: Event<'postponed'>): Outcome<Sandbox> {
  return changed({ ...sandbox, pendingReason: reason, nextAttemptAt: retryAt });
}

/** It has waited for too long. */
export function giveUpStarting(sandbox: Sandbox, { at }: Event<'due'>): Outcome<Sandbox> {
  if (at < sandbox.startDeadlineAt) return noEffect;
  const why = sandbox.failure?.message ?? sandbox.pendingReason ?? 'no executor took it';
  return changed(terminated({ ...sandbox, outcome: 'start_failed', message: `not started in time: ${why}` }, at));
}

/** It ends before it was anywhere. */
export function terminateNow(sandbox: Sandbox, { outcome, message, at }: Event<'stop_requested'>): Outcome<Sandbox> {
  return changed(terminated({ ...sandbox, outcome, message }, at));
}

/** It is not tried first any more where it was tried before. */
export function forgetExecutor(sandbox: Sandbox, { executorId }: Event<'executor_lost'>): Outcome<Sandbox> {
  return onExecutor(sandbox, executorId, () => {
    const { executorId: _lost, ...rest } = sandbox;
    return changed(rest);
  });
}

/** It runs. */
export function started(sandbox: Sandbox, { ref, at }: Event<'attempt_succeeded'>): Outcome<Sandbox> {
  return fenced(sandbox, ref, () => changed(withClock(settled(sandbox, { status: 'running', startedAt: at }), at)));
}

export function startFailed(sandbox: Sandbox, event: Event<'attempt_failed'>): Outcome<Sandbox> {
  return fenced(sandbox, event.ref, () => retryStart(sandbox, event.failure, event));
}

export function startTimedOut(sandbox: Sandbox, event: Event<'due'>): Outcome<Sandbox> {
  return onDeadline(sandbox, event.at, (failure) => retryStart(sandbox, failure, event));
}

/** Its executor is lost: it starts on another. */
export function restartElsewhere(sandbox: Sandbox, { executorId, at }: Event<'executor_lost'>): Outcome<Sandbox> {
  return onExecutor(sandbox, executorId, () => {
    const { executorId: _lost, operation: _operation, progress: _progress, ...rest } = sandbox;
    return changed({ ...rest, status: 'pending', pendingReason: 'its executor was lost; starts on another', nextAttemptAt: at });
  });
}

function retryStart(sandbox: Sandbox, failure: Failure, { at, retry, random }: RetryContext): Outcome<Sandbox> {
  const { operation: _operation, progress: _progress, ...rest } = sandbox;
  if (!REASONS[failure.reason].retryable || sandbox.attempt >= retry.maxAttempts) {
    // A failed start may have left a container behind: `stopping` removes it before the record says `terminated`.
    return changed({ ...rest, status: 'stopping', outcome: 'start_failed', message: failure.message, failure, attempt: 0 });
  }
  const nextAttemptAt = at + backoffMs(retry.backoff, sandbox.attempt, random);
  return changed({
    ...rest,
    status: 'pending',
    pendingReason: `attempt ${sandbox.attempt} failed: ${failure.message}`,
    failure,
    nextAttemptAt,
  });
}
