import { backoffMs } from '../lib/backoff.ts';
import { type Failure, SandglassError } from './errors.ts';
import type { ExecutorId } from './ids.ts';
import { type AttemptRef, getsOn, type PendingOperation, type Progress, type RetryPolicy } from './operation.ts';
import { REASONS } from './reasons.ts';
import type { Sandbox, SandboxOutcome, SandboxStatus } from './sandbox.ts';
import { changed, gone, noEffect, type Outcome, refused, stale, type TransitionTable } from './transition.ts';

/**
 * Everything that can happen to a sandbox. Times are epoch milliseconds.
 * `docs/spec/sandbox-lifecycle.md` is this in words; the table below is total by type.
 */
export type SandboxEvent =
  /** A controller or command issues an operation for it. */
  | { readonly type: 'attempt_started'; readonly operation: PendingOperation; readonly source?: Sandbox['source'] }
  /** No attempt can be made now; the next one is to be tried at `retryAt`, or as soon as something has changed. */
  | { readonly type: 'postponed'; readonly reason: string; readonly retryAt: number }
  /** The executor is at work; `deadlineAt` is the new deadline of the attempt. */
  | { readonly type: 'progressed'; readonly ref: AttemptRef; readonly progress: Progress; readonly deadlineAt: number }
  /** The executor has done what the operation says. */
  | { readonly type: 'attempt_succeeded'; readonly ref: AttemptRef; readonly at: number }
  /** The executor could not do it. `random` in [0, 1) spreads retries. */
  | {
      readonly type: 'attempt_failed';
      readonly ref: AttemptRef;
      readonly failure: Failure;
      readonly at: number;
      readonly retry: RetryPolicy;
      readonly random: number;
    }
  /** Time has reached what `sandboxDueAt` says. */
  | { readonly type: 'due'; readonly at: number; readonly retry: RetryPolicy; readonly random: number }
  | { readonly type: 'stop_requested'; readonly outcome: SandboxOutcome; readonly message: string; readonly at: number }
  /** The engine says that the container's main process has ended. */
  | {
      readonly type: 'exited';
      readonly executorId: ExecutorId;
      readonly exitCode: number;
      readonly oomKilled: boolean;
      readonly at: number;
    }
  /** The executor's inventory says whether its processes are frozen: a pause or resume may have been done without our hearing of it. */
  | { readonly type: 'found'; readonly executorId: ExecutorId; readonly state: 'running' | 'paused' }
  /** The executor's inventory does not hold the container. */
  | { readonly type: 'vanished'; readonly executorId: ExecutorId; readonly at: number }
  /** The executor has not been heard of for longer than the grace period. */
  | { readonly type: 'executor_lost'; readonly executorId: ExecutorId; readonly at: number }
  /** The record has been kept long enough. */
  | { readonly type: 'retention_passed' };

/** Applies `event` to `sandbox`. Pure: the caller stores the outcome by compare-and-set. */
export function transitionSandbox(sandbox: Sandbox, event: SandboxEvent): Outcome<Sandbox> {
  const cell = TABLE[sandbox.status][event.type] as (sandbox: Sandbox, event: SandboxEvent) => Outcome<Sandbox>;
  return cell(sandbox, event);
}

type Event<T extends SandboxEvent['type']> = Extract<SandboxEvent, { type: T }>;
const ignore = () => noEffect;

const TABLE: TransitionTable<SandboxStatus, Sandbox, SandboxEvent> = {
  pending: {
    attempt_started: start,
    postponed: postpone,
    progressed: () => stale,
    attempt_succeeded: () => stale,
    attempt_failed: () => stale,
    due: giveUpStarting,
    stop_requested: terminateNow,
    exited: ignore,
    found: ignore,
    vanished: ignore,
    executor_lost: forgetExecutor,
    retention_passed: ignore,
  },
  starting: {
    attempt_started: ignore,
    postponed: ignore,
    progressed: progress,
    attempt_succeeded: started,
    attempt_failed: startFailed,
    due: startTimedOut,
    stop_requested: stop,
    exited: ignore, // the start's own result says so, with the reason
    found: ignore,
    vanished: ignore, // not made yet
    executor_lost: restartElsewhere,
    retention_passed: ignore,
  },
  running: {
    attempt_started: (sandbox, event) => startAttempt(sandbox, event, 'pause_sandbox'),
    postponed: ignore,
    progressed: () => stale,
    attempt_succeeded: (sandbox, { ref }) => fenced(sandbox, ref, () => changed(settled(sandbox, { status: 'paused' }))),
    attempt_failed: giveUpOperation,
    due: expireOrTimeOut,
    stop_requested: stop,
    exited: ended,
    found,
    vanished: disappeared,
    executor_lost: lost,
    retention_passed: ignore,
  },
  paused: {
    attempt_started: (sandbox, event) => startAttempt(sandbox, event, 'resume_sandbox'),
    postponed: ignore,
    progressed: () => stale,
    attempt_succeeded: (sandbox, { ref }) => fenced(sandbox, ref, () => changed(settled(sandbox, { status: 'running' }))),
    attempt_failed: giveUpOperation,
    due: expireOrTimeOut,
    stop_requested: stop,
    exited: ended,
    found,
    vanished: disappeared,
    executor_lost: lost,
    retention_passed: ignore,
  },
  stopping: {
    attempt_started: (sandbox, event) => startAttempt(sandbox, event, 'stop_sandbox'),
    postponed: ignore,
    progressed: () => stale,
    attempt_succeeded: (sandbox, { ref, at }) => fenced(sandbox, ref, () => changed(terminated(sandbox, at))),
    attempt_failed: stopFailed,
    due: stopTimedOut,
    stop_requested: ignore,
    exited: ignore,
    found: ignore,
    vanished: ignore, // the stop finds nothing to remove, and succeeds
    executor_lost: (sandbox, event) => onExecutor(sandbox, event.executorId, () => changed(terminated(sandbox, event.at))),
    retention_passed: ignore,
  },
  terminated: {
    attempt_started: ignore,
    postponed: ignore,
    progressed: () => stale,
    attempt_succeeded: () => stale,
    attempt_failed: () => stale,
    due: ignore,
    stop_requested: ignore,
    exited: ignore,
    found: ignore,
    vanished: ignore,
    executor_lost: ignore,
    retention_passed: () => gone,
  },
};

function start(sandbox: Sandbox, { operation, source }: Event<'attempt_started'>): Outcome<Sandbox> {
  if (operation.kind !== 'start_sandbox') return noEffect;
  if (operation.attempt !== sandbox.attempt + 1) return stale;
  const { pendingReason: _reason, nextAttemptAt: _next, ...rest } = sandbox;
  return changed({
    ...rest,
    ...(source === undefined ? {} : { source }),
    status: 'starting',
    executorId: operation.executorId,
    attempt: operation.attempt,
    operation,
  });
}

function postpone(sandbox: Sandbox, { reason, retryAt }: Event<'postponed'>): Outcome<Sandbox> {
  return changed({ ...sandbox, pendingReason: reason, nextAttemptAt: retryAt });
}

/** Only work that gets on moves the deadline, and only forwards: an attempt that reports the same for ever still ends. */
function progress(sandbox: Sandbox, { ref, progress, deadlineAt }: Event<'progressed'>): Outcome<Sandbox> {
  return fenced(sandbox, ref, (operation) => {
    if (!getsOn(sandbox.progress, progress)) return noEffect;
    return changed({ ...sandbox, progress, operation: { ...operation, deadlineAt: Math.max(operation.deadlineAt, deadlineAt) } });
  });
}

function giveUpStarting(sandbox: Sandbox, { at }: Event<'due'>): Outcome<Sandbox> {
  if (at < sandbox.startDeadlineAt) return noEffect;
  const why = sandbox.failure?.message ?? sandbox.pendingReason ?? 'no executor took it';
  return changed(terminated({ ...sandbox, outcome: 'start_failed', message: `not started in time: ${why}` }, at));
}

function terminateNow(sandbox: Sandbox, { outcome, message, at }: Event<'stop_requested'>): Outcome<Sandbox> {
  return changed(terminated({ ...sandbox, outcome, message }, at));
}

function forgetExecutor(sandbox: Sandbox, { executorId }: Event<'executor_lost'>): Outcome<Sandbox> {
  return onExecutor(sandbox, executorId, () => {
    const { executorId: _lost, ...rest } = sandbox;
    return changed(rest);
  });
}

function started(sandbox: Sandbox, { ref, at }: Event<'attempt_succeeded'>): Outcome<Sandbox> {
  return fenced(sandbox, ref, () => {
    const { timeoutSecs } = sandbox.spec;
    const expiry = timeoutSecs > 0 ? { expiresAt: at + timeoutSecs * 1000 } : {};
    return changed(settled(sandbox, { status: 'running', startedAt: at, ...expiry }));
  });
}

function startFailed(sandbox: Sandbox, event: Event<'attempt_failed'>): Outcome<Sandbox> {
  return fenced(sandbox, event.ref, () => retryStart(sandbox, event.failure, event));
}

function startTimedOut(sandbox: Sandbox, event: Event<'due'>): Outcome<Sandbox> {
  return onDeadline(sandbox, event.at, (failure) => retryStart(sandbox, failure, event));
}

function restartElsewhere(sandbox: Sandbox, { executorId, at }: Event<'executor_lost'>): Outcome<Sandbox> {
  return onExecutor(sandbox, executorId, () => {
    const { executorId: _lost, operation: _operation, progress: _progress, ...rest } = sandbox;
    return changed({ ...rest, status: 'pending', pendingReason: 'its executor was lost; starts on another', nextAttemptAt: at });
  });
}

interface RetryContext {
  readonly at: number;
  readonly retry: RetryPolicy;
  readonly random: number;
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

function startAttempt(sandbox: Sandbox, { operation }: Event<'attempt_started'>, kind: PendingOperation['kind']): Outcome<Sandbox> {
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

/** A pause or resume that fails leaves the sandbox as it was, with the reason. */
function giveUpOperation(sandbox: Sandbox, { ref, failure }: Event<'attempt_failed'>): Outcome<Sandbox> {
  return fenced(sandbox, ref, () => changed(settled(sandbox, { failure })));
}

function expireOrTimeOut(sandbox: Sandbox, event: Event<'due'>): Outcome<Sandbox> {
  if (sandbox.expiresAt !== undefined && sandbox.expiresAt <= event.at) {
    const message = `ran for its timeout of ${sandbox.spec.timeoutSecs} s`;
    return stop(sandbox, { outcome: 'timeout', message });
  }
  return onDeadline(sandbox, event.at, (failure) => changed(settled(sandbox, { failure })));
}

function stop(sandbox: Sandbox, { outcome, message }: Pick<Event<'stop_requested'>, 'outcome' | 'message'>): Outcome<Sandbox> {
  const { operation: _operation, nextAttemptAt: _next, failure: _failure, progress: _progress, ...rest } = sandbox;
  return changed({ ...rest, status: 'stopping', outcome, message, attempt: 0 });
}

function ended(sandbox: Sandbox, { executorId, exitCode, oomKilled }: Event<'exited'>): Outcome<Sandbox> {
  return onExecutor(sandbox, executorId, () => {
    const outcome = oomKilled ? 'oom_killed' : 'exited';
    const message = oomKilled
      ? `killed at its memory limit of ${sandbox.spec.resources.memoryMb} MB; give it more with resources.memory_mb`
      : `its main process ended with status ${exitCode}`;
    return stop({ ...sandbox, exitCode }, { outcome, message });
  });
}

/** An operation that is under way will say so itself. */
function found(sandbox: Sandbox, { executorId, state }: Event<'found'>): Outcome<Sandbox> {
  return onExecutor(sandbox, executorId, () =>
    sandbox.operation !== undefined || sandbox.status === state ? noEffect : changed({ ...sandbox, status: state }),
  );
}

function disappeared(sandbox: Sandbox, { executorId, at }: Event<'vanished'>): Outcome<Sandbox> {
  return onExecutor(sandbox, executorId, () =>
    changed(
      terminated(
        { ...sandbox, outcome: 'vanished', message: 'its container is gone from its executor, and Sandglass did not remove it' },
        at,
      ),
    ),
  );
}

function lost(sandbox: Sandbox, { executorId, at }: Event<'executor_lost'>): Outcome<Sandbox> {
  return onExecutor(sandbox, executorId, () =>
    changed(terminated({ ...sandbox, outcome: 'executor_lost', message: `executor ${executorId} has not been heard of for too long` }, at)),
  );
}

function stopFailed(sandbox: Sandbox, event: Event<'attempt_failed'>): Outcome<Sandbox> {
  return fenced(sandbox, event.ref, () => retryStop(sandbox, event.failure, event));
}

function stopTimedOut(sandbox: Sandbox, event: Event<'due'>): Outcome<Sandbox> {
  return onDeadline(sandbox, event.at, (failure) => retryStop(sandbox, failure, event));
}

/** Removal is tried until it is done, or until the executor is lost: a record that says `terminated` means that nothing is left. */
function retryStop(sandbox: Sandbox, failure: Failure, { at, retry, random }: RetryContext): Outcome<Sandbox> {
  const { operation: _operation, ...rest } = sandbox;
  const nextAttemptAt = at + backoffMs(retry.backoff, sandbox.attempt, random);
  return changed({ ...rest, ...(isStartFailure(sandbox) ? {} : { failure }), nextAttemptAt });
}

function terminated(sandbox: Sandbox, at: number): Sandbox {
  const { operation: _o, nextAttemptAt: _n, pendingReason: _r, progress: _p, expiresAt: _e, failure, ...rest } = sandbox;
  return { ...rest, ...(isStartFailure(sandbox) && failure ? { failure } : {}), status: 'terminated', terminatedAt: at };
}

/** The failure of a sandbox that could not be started is its outcome: it is kept, whatever goes wrong while it is cleaned up. */
function isStartFailure(sandbox: Sandbox): boolean {
  return sandbox.outcome === 'start_failed';
}

/** The sandbox with its operation ended and `change` applied. */
function settled(sandbox: Sandbox, change: Partial<Sandbox>): Sandbox {
  const { operation: _operation, failure: _failure, nextAttemptAt: _next, progress: _progress, ...rest } = sandbox;
  return { ...rest, attempt: 0, ...change };
}

/** Runs `then` only for a result of the attempt that is waited for. */
function fenced(sandbox: Sandbox, ref: AttemptRef, then: (operation: PendingOperation) => Outcome<Sandbox>): Outcome<Sandbox> {
  const { operation } = sandbox;
  return operation?.operationId === ref.operationId && operation.attempt === ref.attempt ? then(operation) : stale;
}

function onExecutor(sandbox: Sandbox, executorId: ExecutorId, then: () => Outcome<Sandbox>): Outcome<Sandbox> {
  return sandbox.executorId === executorId ? then() : stale;
}

function onDeadline(sandbox: Sandbox, at: number, then: (failure: Failure) => Outcome<Sandbox>): Outcome<Sandbox> {
  const { operation } = sandbox;
  if (operation === undefined || operation.deadlineAt > at) return noEffect;
  return then({ reason: 'deadline_exceeded', message: `executor ${operation.executorId} did not finish ${operation.kind} in time` });
}
