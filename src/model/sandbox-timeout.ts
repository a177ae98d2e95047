import { SandglassError } from './errors.ts';
import { type Sandbox, timeoutInForce } from './sandbox.ts';
import { settled } from './sandbox-attempt.ts';
import type { Event } from './sandbox-event.ts';
import { stop } from './sandbox-stop.ts';
import { changed, noEffect, type Outcome, refused, stale } from './transition.ts';

/*
 * What a timeout means. It counts while the sandbox runs; a pause, by whomever, ends it, and a resume begins a new one.
 *
 *     terminate   passed ──▶ stopping
 *     pause       passed ──▶ pausing, again and again ──▶ paused
 *     snapshot    passed ──▶ its snapshot is taken ──active──▶ stopping
 *                                    └──failed──▶ as `pause`
 *
 * Until it is `stopping` or being paused, a new timeout calls all of it off.
 */

/** What a sandbox whose timeout has passed calls for next. */
export type ExpiryStep = 'stop' | 'pause' | 'capture' | 'await_capture';

/** What the timeout calls for at the time `at`; undefined before it has passed, and while a pause that is under way comes first. */
export function expiryStep({ status, expiresAt, operation, spec, ...rest }: Sandbox, at: number): ExpiryStep | undefined {
  if (status !== 'running' || expiresAt === undefined || expiresAt > at) return undefined;
  if (spec.onTimeout === 'terminate') return 'stop';
  if (operation !== undefined) return undefined;
  if (spec.onTimeout === 'pause' || rest.captureFailure !== undefined) return 'pause';
  return rest.timeoutSnapshotId === undefined ? 'capture' : 'await_capture';
}

/** A sandbox that begins to run at `at`, with the time that it has. */
export function withClock(sandbox: Sandbox, at: number): Sandbox {
  const { expiresAt: _before, ...rest } = sandbox;
  const secs = timeoutInForce(sandbox);
  return secs > 0 ? { ...rest, expiresAt: at + secs * 1000 } : rest;
}

/** A sandbox whose time stands still. What its timeout had begun is over; a snapshot that was begun is like any other. */
export function withoutClock(sandbox: Sandbox): Sandbox {
  const { expiresAt: _expires, timeoutSecs: _secs, timeoutSnapshotId: _snapshot, ...rest } = sandbox;
  return rest;
}

/** The timeout of a sandbox that does not run counts from when it does. */
export function setTimeoutForLater(sandbox: Sandbox, { timeoutSecs }: Event<'timeout_set'>): Outcome<Sandbox> {
  return changed({ ...sandbox, timeoutSecs });
}

/** The timeout of a sandbox that runs counts from now, and what an earlier one had begun is called off. */
export function setTimeoutNow(sandbox: Sandbox, { timeoutSecs, at }: Event<'timeout_set'>): Outcome<Sandbox> {
  if (sandbox.operation !== undefined) return refuse(sandbox, 'is being paused; set its timeout when you resume it');
  const { captureFailure: _why, ...rest } = withoutClock(settled(sandbox, {}));
  return changed(withClock({ ...rest, timeoutSecs }, at));
}

export function refuseTimeout(sandbox: Sandbox): Outcome<Sandbox> {
  return refuse(sandbox, `is ${sandbox.status}: its time is over`);
}

function refuse({ id, status }: Sandbox, why: string): Outcome<Sandbox> {
  const details = { sandbox_id: id, status };
  return refused(new SandglassError('sandbox_not_running', `sandbox ${id} ${why}`, { details }));
}

/** Its snapshot is being taken. */
export function startCapture(sandbox: Sandbox, { snapshotId, at, retryAt }: Event<'capture_started'>): Outcome<Sandbox> {
  if (expiryStep(sandbox, at) !== 'capture') return noEffect;
  return changed(settled(sandbox, { timeoutSnapshotId: snapshotId, nextAttemptAt: retryAt }));
}

/** Its snapshot takes a while. */
export function awaitCapture(sandbox: Sandbox, { retryAt }: Event<'postponed'>): Outcome<Sandbox> {
  if (sandbox.timeoutSnapshotId === undefined || sandbox.operation !== undefined) return noEffect;
  return changed({ ...sandbox, nextAttemptAt: retryAt });
}

/** All that it holds is in an active snapshot: only now may it end. */
export function endCaptured(sandbox: Sandbox, { snapshotId }: Event<'captured'>): Outcome<Sandbox> {
  if (sandbox.timeoutSnapshotId !== snapshotId) return stale;
  return sandbox.operation === undefined ? stopAtTimeout(sandbox) : noEffect;
}

/** Without a snapshot it must not end: it is paused instead. */
export function pauseInstead(sandbox: Sandbox, { snapshotId, failure, at }: Event<'capture_failed'>): Outcome<Sandbox> {
  if (sandbox.timeoutSnapshotId !== snapshotId) return stale;
  const step = expiryStep(sandbox, at);
  if (step !== 'capture' && step !== 'await_capture') return noEffect;
  const { timeoutSnapshotId: _failed, ...rest } = settled(sandbox, { captureFailure: failure, nextAttemptAt: at });
  return changed(rest);
}

/** It ends because its timeout has passed. */
export function stopAtTimeout(sandbox: Sandbox): Outcome<Sandbox> {
  const { timeoutSnapshotId } = sandbox;
  const kept = timeoutSnapshotId === undefined ? '' : `; snapshot ${timeoutSnapshotId} was taken of it`;
  return stop(sandbox, { outcome: 'timeout', message: `its timeout of ${timeoutInForce(sandbox)} s has passed${kept}` });
}
