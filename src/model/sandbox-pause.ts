import { backoffMs } from '../lib/backoff.ts';
import type { Failure } from './errors.ts';
import type { Sandbox } from './sandbox.ts';
import { fenced, onDeadline, onExecutor, settled, startAttempt } from './sandbox-attempt.ts';
import type { Event, RetryContext } from './sandbox-event.ts';
import { expiryStep, stopAtTimeout, withClock, withoutClock } from './sandbox-timeout.ts';
import { changed, noEffect, type Outcome } from './transition.ts';

/* How a sandbox is frozen and thawed: the transitions between `running` and `paused`. */

/** A resume may say how long the sandbox is to run from then on. */
export function startResume(sandbox: Sandbox, event: Event<'attempt_started'>): Outcome<Sandbox> {
  const outcome = startAttempt(sandbox, event, 'resume_sandbox');
  if (outcome.kind !== 'changed' || event.timeoutSecs === undefined) return outcome;
  return changed({ ...outcome.next, timeoutSecs: event.timeoutSecs });
}

export function paused(sandbox: Sandbox, { ref }: Event<'attempt_succeeded'>): Outcome<Sandbox> {
  return fenced(sandbox, ref, () => changed(frozen(sandbox)));
}

export function resumed(sandbox: Sandbox, { ref, at }: Event<'attempt_succeeded'>): Outcome<Sandbox> {
  return fenced(sandbox, ref, () => changed(thawed(sandbox, at)));
}

export function pauseFailed(sandbox: Sandbox, event: Event<'attempt_failed'>): Outcome<Sandbox> {
  return fenced(sandbox, event.ref, () => giveUpOrRetryPause(sandbox, event.failure, event));
}

/** A resume that fails leaves the sandbox as it was, with the reason. */
export function resumeFailed(sandbox: Sandbox, { ref, failure }: Event<'attempt_failed'>): Outcome<Sandbox> {
  return fenced(sandbox, ref, () => changed(settled(sandbox, { failure })));
}

export function runningDue(sandbox: Sandbox, event: Event<'due'>): Outcome<Sandbox> {
  if (expiryStep(sandbox, event.at) === 'stop') return stopAtTimeout(sandbox);
  return onDeadline(sandbox, event.at, (failure) => giveUpOrRetryPause(sandbox, failure, event));
}

export function pausedDue(sandbox: Sandbox, { at }: Event<'due'>): Outcome<Sandbox> {
  return onDeadline(sandbox, at, (failure) => changed(settled(sandbox, { failure })));
}

/** An operation that is under way will say so itself. */
export function found(sandbox: Sandbox, { executorId, state, at }: Event<'found'>): Outcome<Sandbox> {
  return onExecutor(sandbox, executorId, () => {
    if (sandbox.operation !== undefined || sandbox.status === state) return noEffect;
    return changed(state === 'paused' ? frozen(sandbox) : thawed(sandbox, at));
  });
}

/**
 * A pause that somebody asked for leaves the sandbox as it was when it fails, with the reason. One that the timeout asks
 * for is tried for as long as it takes: the sandbox must neither run on unnoticed nor end.
 */
function giveUpOrRetryPause(sandbox: Sandbox, failure: Failure, { at, retry, random }: RetryContext): Outcome<Sandbox> {
  const { operation: _operation, ...idle } = sandbox;
  if (expiryStep(idle, at) !== 'pause') return changed(settled(sandbox, { failure }));
  const message = `its timeout has passed, but attempt ${sandbox.attempt} to pause it failed, and is repeated: ${failure.message}`;
  const nextAttemptAt = at + backoffMs(retry.backoff, sandbox.attempt, random);
  return changed({ ...idle, failure: { ...failure, message }, nextAttemptAt });
}

function frozen(sandbox: Sandbox): Sandbox {
  return withoutClock(settled(sandbox, { status: 'paused' }));
}

function thawed(sandbox: Sandbox, at: number): Sandbox {
  const { captureFailure: _why, ...rest } = settled(sandbox, { status: 'running' });
  return withClock(rest, at);
}
