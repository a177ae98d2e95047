import type { Sandbox, SandboxStatus } from './sandbox.ts';
import { progress, startAttempt } from './sandbox-attempt.ts';
import type { SandboxEvent } from './sandbox-event.ts';
import { found, paused, pausedDue, pauseFailed, resumed, resumeFailed, runningDue, startResume } from './sandbox-pause.ts';
import {
  forgetExecutor,
  giveUpStarting,
  postpone,
  restartElsewhere,
  start,
  started,
  startFailed,
  startTimedOut,
  terminateNow,
} from './sandbox-start.ts';
import { disappeared, ended, lost, lostWhileStopping, stop, stopFailed, stopped, stopTimedOut } from './sandbox-stop.ts';
import {
  awaitCapture,
  endCaptured,
  pauseInstead,
  refuseTimeout,
  setTimeoutForLater,
  setTimeoutNow,
  startCapture,
} from './sandbox-timeout.ts';
import { gone, noEffect, type Outcome, stale, type TransitionTable } from './transition.ts';

/**
 * Applies `event` to `sandbox`. Pure: the caller stores the outcome by compare-and-set.
 * `docs/spec/sandbox-lifecycle.md` is this in words; the table below is total by type.
 */
export function transitionSandbox(sandbox: Sandbox, event: SandboxEvent): Outcome<Sandbox> {
  const cell = TABLE[sandbox.status][event.type] as (sandbox: Sandbox, event: SandboxEvent) => Outcome<Sandbox>;
  return cell(sandbox, event);
}

const ignore = () => noEffect;

const TABLE: TransitionTable<SandboxStatus, Sandbox, SandboxEvent> = {
  pending: {
    attempt_started: start,
    postponed: postpone,
    progressed: () => stale,
    attempt_succeeded: () => stale,
    attempt_failed: () => stale,
    due: giveUpStarting,
    capture_started: ignore,
    captured: ignore,
    capture_failed: ignore,
    timeout_set: setTimeoutForLater,
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
    capture_started: ignore,
    captured: ignore,
    capture_failed: ignore,
    timeout_set: setTimeoutForLater,
    stop_requested: stop,
    exited: ignore, // the start's own result says so, with the reason
    found: ignore,
    vanished: ignore, // not made yet
    executor_lost: restartElsewhere,
    retention_passed: ignore,
  },
  running: {
    attempt_started: (sandbox, event) => startAttempt(sandbox, event, 'pause_sandbox'),
    postponed: awaitCapture,
    progressed: () => stale,
    attempt_succeeded: paused,
    attempt_failed: pauseFailed,
    due: runningDue,
    capture_started: startCapture,
    captured: endCaptured,
    capture_failed: pauseInstead,
    timeout_set: setTimeoutNow,
    stop_requested: stop,
    exited: ended,
    found,
    vanished: disappeared,
    executor_lost: lost,
    retention_passed: ignore,
  },
  paused: {
    attempt_started: startResume,
    postponed: ignore,
    progressed: () => stale,
    attempt_succeeded: resumed,
    attempt_failed: resumeFailed,
    due: pausedDue,
    capture_started: ignore,
    captured: ignore,
    capture_failed: ignore,
    timeout_set: setTimeoutForLater,
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
    attempt_succeeded: stopped,
    attempt_failed: stopFailed,
    due: stopTimedOut,
    capture_started: ignore,
    captured: ignore,
    capture_failed: ignore,
    timeout_set: refuseTimeout,
    stop_requested: ignore,
    exited: ignore,
    found: ignore,
    vanished: ignore, // the stop finds nothing to remove, and succeeds
    executor_lost: lostWhileStopping,
    retention_passed: ignore,
  },
  terminated: {
    attempt_started: ignore,
    postponed: ignore,
    progressed: () => stale,
    attempt_succeeded: () => stale,
    attempt_failed: () => stale,
    due: ignore,
    capture_started: ignore,
    captured: ignore,
    capture_failed: ignore,
    timeout_set: refuseTimeout,
    stop_requested: ignore,
    exited: ignore,
    found: ignore,
    vanished: ignore,
    executor_lost: ignore,
    retention_passed: () => gone,
  },
};
