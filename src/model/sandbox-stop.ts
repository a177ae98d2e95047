import { backoffMs } from '../lib/backoff.ts';
import type { Failure } from './errors.ts';
import type { Sandbox } from './sandbox.ts';
import { fenced, onDeadline, onExecutor } from './sandbox-attempt.ts';
import type { Event, RetryContext } from './sandbox-event.ts';
import { changed, type Outcome } from './transition.ts';

/* How a sandbox comes to its end: what leads to `stopping` or `terminated`, and the transitions of `stopping`. */

/** It ends, for the reason that `outcome` and `message` say: its container is to be removed. */
export function stop(sandbox: Sandbox, { outcome, message }: Pick<Event<'stop_requested'>, 'outcome' | 'message'>): Outcome<Sandbox> {
  const { operation: _o, nextAttemptAt: _n, failure: _f, captureFailure: _c, progress: _p, ...rest } = sandbox;
  return changed({ ...rest, status: 'stopping', outcome, message, attempt: 0 });
}

/** Its main process has ended. */
export function ended(sandbox: Sandbox, { executorId, exitCode, oomKilled }: Event<'exited'>): Outcome<Sandbox> {
  return onExecutor(sandbox, executorId, () => {
    const outcome = oomKilled ? 'oom_killed' : 'exited';
    const message = oomKilled
      ? `killed at its memory limit of ${sandbox.spec.resources.memoryMb} MB; give it more with resources.memory_mb`
      : `its main process ended with status ${exitCode}`;
    return stop({ ...sandbox, exitCode }, { outcome, message });
  });
}

/** Its container is gone. */
export function disappeared(sandbox: Sandbox, { executorId, at }: Event<'vanished'>): Outcome<Sandbox> {
  const message = 'its container is gone from its executor, and Sandglass did not remove it';
  return onExecutor(sandbox, executorId, () => changed(terminated({ ...sandbox, outcome: 'vanished', message }, at)));
}

/** Its executor is lost, and it with it. */
export function lost(sandbox: Sandbox, { executorId, at }: Event<'executor_lost'>): Outcome<Sandbox> {
  const message = `executor ${executorId} has not been heard of for too long`;
  return onExecutor(sandbox, executorId, () => changed(terminated({ ...sandbox, outcome: 'executor_lost', message }, at)));
}

/** Its executor is lost while it ends: the outcome stands. */
export function lostWhileStopping(sandbox: Sandbox, { executorId, at }: Event<'executor_lost'>): Outcome<Sandbox> {
  return onExecutor(sandbox, executorId, () => changed(terminated(sandbox, at)));
}

/** Its container is removed. */
export function stopped(sandbox: Sandbox, { ref, at }: Event<'attempt_succeeded'>): Outcome<Sandbox> {
  return fenced(sandbox, ref, () => changed(terminated(sandbox, at)));
}

export function stopFailed(sandbox: Sandbox, event: Event<'attempt_failed'>): Outcome<Sandbox> {
  return fenced(sandbox, event.ref, () => retryStop(sandbox, event.failure, event));
}

export function stopTimedOut(sandbox: Sandbox, event: Event<'due'>): Outcome<Sandbox> {
  return onDeadline(sandbox, event.at, (failure) => retryStop(sandbox, failure, event));
}

/** Removal is tried until it is done, or until the executor is lost: a record that says `terminated` means that nothing is left. */
function retryStop(sandbox: Sandbox, failure: Failure, { at, retry, random }: RetryContext): Outcome<Sandbox> {
  const { operation: _operation, ...rest } = sandbox;
  const nextAttemptAt = at + backoffMs(retry.backoff, sandbox.attempt, random);
  return changed({ ...rest, ...(isStartFailure(sandbox) ? {} : { failure }), nextAttemptAt });
}

/** The sandbox once nothing of it is left. */
export function terminated(sandbox: Sandbox, at: number): Sandbox {
  const {
    operation: _operation,
    nextAttemptAt: _next,
    pendingReason: _reason,
    progress: _progress,
    expiresAt: _expires,
    captureFailure: _capture,
    failure,
    ...rest
  } = sandbox;
  return { ...rest, ...(isStartFailure(sandbox) && failure ? { failure } : {}), status: 'terminated', terminatedAt: at };
}

/** The failure of a sandbox that could not be started is its outcome: it is kept, whatever goes wrong while it is cleaned up. */
function isStartFailure(sandbox: Sandbox): boolean {
  return sandbox.outcome === 'start_failed';
}
