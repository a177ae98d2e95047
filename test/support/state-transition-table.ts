import type { SandboxStatus } from '../../src/model/sandbox.ts';
import type { SandboxEvent } from '../../src/model/sandbox-event.ts';
import type { SnapshotStatus } from '../../src/model/snapshot.ts';
import type { SnapshotEvent } from '../../src/model/snapshot-lifecycle.ts';
import type { Outcome } from '../../src/model/transition.ts';

/**
 * What a cell of a lifecycle's table can come to: the status afterwards when the object changes (perhaps the same one), and
 * in words when it does not.
 */
export type Cell<S extends string> = S | 'gone' | 'no effect' | 'stale' | 'refused';

/** Every state × every event. A new state or event does not compile until each of its cells is decided. */
export type Table<S extends string, E extends string> = Readonly<Record<S, Readonly<Record<E, readonly Cell<S>[]>>>>;

/** The cell that an outcome falls into. */
export function cellOf<S extends string>(outcome: Outcome<{ readonly status: S }>): Cell<S> {
  switch (outcome.kind) {
    case 'changed':
      return outcome.next.status;
    case 'ignored':
      return outcome.because === 'stale' ? 'stale' : 'no effect';
    case 'gone':
    case 'refused':
      return outcome.kind;
  }
}

/** The decisions of `docs/spec/snapshot-lifecycle.md`, whose footnotes say which of several outcomes applies when. */
export const SNAPSHOT_TABLE: Table<SnapshotStatus, SnapshotEvent['type']> = {
  creating: {
    attempt_started: ['creating', 'no effect', 'stale'],
    progressed: ['creating', 'no effect', 'stale'],
    captured: ['uploading', 'active', 'stale'],
    uploaded: ['stale'],
    removed: ['stale'],
    attempt_failed: ['creating', 'failed', 'stale'],
    due: ['creating', 'failed', 'no effect'],
    delete_requested: ['deleting'],
    expired: ['no effect'],
    executor_lost: ['failed', 'no effect'],
  },
  uploading: {
    attempt_started: ['uploading', 'no effect', 'stale'],
    progressed: ['uploading', 'no effect', 'stale'],
    captured: ['uploading', 'active', 'stale'],
    uploaded: ['active', 'stale'],
    removed: ['stale'],
    attempt_failed: ['uploading', 'failed', 'stale'],
    due: ['uploading', 'failed', 'no effect'],
    delete_requested: ['deleting'],
    expired: ['no effect'],
    executor_lost: ['failed', 'no effect'],
  },
  active: {
    attempt_started: ['no effect'],
    progressed: ['stale'],
    captured: ['stale'],
    uploaded: ['stale'],
    removed: ['stale'],
    attempt_failed: ['stale'],
    due: ['no effect'],
    delete_requested: ['deleting'],
    expired: ['deleting', 'no effect'],
    executor_lost: ['no effect'],
  },
  failed: {
    attempt_started: ['no effect'],
    progressed: ['stale'],
    captured: ['stale'],
    uploaded: ['stale'],
    removed: ['stale'],
    attempt_failed: ['stale'],
    due: ['no effect'],
    delete_requested: ['deleting'],
    expired: ['deleting', 'no effect'],
    executor_lost: ['no effect'],
  },
  deleting: {
    attempt_started: ['deleting', 'no effect', 'stale'],
    progressed: ['deleting', 'no effect', 'stale'],
    captured: ['stale'],
    uploaded: ['stale'],
    removed: ['gone', 'deleting', 'stale'],
    attempt_failed: ['deleting', 'stale'],
    due: ['deleting', 'no effect'],
    delete_requested: ['no effect'],
    expired: ['no effect'],
    executor_lost: ['gone', 'deleting', 'no effect'],
  },
};

/** The decisions of `docs/spec/sandbox-lifecycle.md`. */
export const SANDBOX_TABLE: Table<SandboxStatus, SandboxEvent['type']> = {
  pending: {
    attempt_started: ['starting', 'no effect', 'stale'],
    postponed: ['pending'],
    progressed: ['stale'],
    attempt_succeeded: ['stale'],
    attempt_failed: ['stale'],
    due: ['terminated', 'no effect'],
    capture_started: ['no effect'],
    captured: ['no effect'],
    capture_failed: ['no effect'],
    timeout_set: ['pending'],
    stop_requested: ['terminated'],
    exited: ['no effect'],
    found: ['no effect'],
    vanished: ['no effect'],
    executor_lost: ['pending', 'stale'],
    retention_passed: ['no effect'],
  },
  starting: {
    attempt_started: ['no effect'],
    postponed: ['no effect'],
    progressed: ['starting', 'no effect', 'stale'],
    attempt_succeeded: ['running', 'stale'],
    attempt_failed: ['pending', 'stopping', 'stale'],
    due: ['pending', 'stopping', 'no effect'],
    capture_started: ['no effect'],
    captured: ['no effect'],
    capture_failed: ['no effect'],
    timeout_set: ['starting'],
    stop_requested: ['stopping'],
    exited: ['no effect'],
    found: ['no effect'],
    vanished: ['no effect'],
    executor_lost: ['pending', 'stale'],
    retention_passed: ['no effect'],
  },
  running: {
    attempt_started: ['running', 'no effect', 'stale', 'refused'],
    postponed: ['running', 'no effect'],
    progressed: ['stale'],
    attempt_succeeded: ['paused', 'stale'],
    attempt_failed: ['running', 'stale'],
    due: ['running', 'stopping', 'no effect'],
    capture_started: ['running', 'no effect'],
    captured: ['stopping', 'no effect', 'stale'],
    capture_failed: ['running', 'no effect', 'stale'],
    timeout_set: ['running', 'refused'],
    stop_requested: ['stopping'],
    exited: ['stopping', 'stale'],
    found: ['paused', 'no effect', 'stale'],
    vanished: ['terminated', 'stale'],
    executor_lost: ['terminated', 'stale'],
    retention_passed: ['no effect'],
  },
  paused: {
    attempt_started: ['paused', 'no effect', 'stale', 'refused'],
    postponed: ['no effect'],
    progressed: ['stale'],
    attempt_succeeded: ['running', 'stale'],
    attempt_failed: ['paused', 'stale'],
    due: ['paused', 'no effect'],
    capture_started: ['no effect'],
    captured: ['no effect'],
    capture_failed: ['no effect'],
    timeout_set: ['paused'],
    stop_requested: ['stopping'],
    exited: ['stopping', 'stale'],
    found: ['running', 'no effect', 'stale'],
    vanished: ['terminated', 'stale'],
    executor_lost: ['terminated', 'stale'],
    retention_passed: ['no effect'],
  },
  stopping: {
    attempt_started: ['stopping', 'no effect', 'stale', 'refused'],
    postponed: ['no effect'],
    progressed: ['stale'],
    attempt_succeeded: ['terminated', 'stale'],
    attempt_failed: ['stopping', 'stale'],
    due: ['stopping', 'no effect'],
    capture_started: ['no effect'],
    captured: ['no effect'],
    capture_failed: ['no effect'],
    timeout_set: ['refused'],
    stop_requested: ['no effect'],
    exited: ['no effect'],
    found: ['no effect'],
    vanished: ['no effect'],
    executor_lost: ['terminated', 'stale'],
    retention_passed: ['no effect'],
  },
  terminated: {
    attempt_started: ['no effect'],
    postponed: ['no effect'],
    progressed: ['stale'],
    attempt_succeeded: ['stale'],
    attempt_failed: ['stale'],
    due: ['no effect'],
    capture_started: ['no effect'],
    captured: ['no effect'],
    capture_failed: ['no effect'],
    timeout_set: ['refused'],
    stop_requested: ['no effect'],
    exited: ['no effect'],
    found: ['no effect'],
    vanished: ['no effect'],
    executor_lost: ['no effect'],
    retention_passed: ['gone'],
  },
};
