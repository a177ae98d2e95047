import type { Failure } from './errors.ts';
import type { ExecutorId, SnapshotId } from './ids.ts';
import type { AttemptRef, PendingOperation, Progress, RetryPolicy } from './operation.ts';
import type { Sandbox, SandboxOutcome } from './sandbox.ts';

/**
 * Everything that can happen to a sandbox. Times are epoch milliseconds.
 * `docs/spec/sandbox-lifecycle.md` says when each happens, and what comes of it.
 */
export type SandboxEvent =
  /** A controller or command issues an operation for it. `timeoutSecs`: of a resume, how long it is to run then. */
  | {
      readonly type: 'attempt_started';
      readonly operation: PendingOperation;
      readonly source?: Sandbox['source'];
      readonly timeoutSecs?: number;
    }
  /** Nothing can be done now; it is looked at again at `retryAt`, or as soon as something has changed. */
  | { readonly type: 'postponed'; readonly reason: string; readonly retryAt: number }
  /** The executor is at work; `deadlineAt` is the new deadline of the attempt. */
  | { readonly type: 'progressed'; readonly ref: AttemptRef; readonly progress: Progress; readonly deadlineAt: number }
  /** The executor has done what the operation says. */
  | { readonly type: 'attempt_succeeded'; readonly ref: AttemptRef; readonly at: number }
  /** The executor could not do it. */
  | ({ readonly type: 'attempt_failed'; readonly ref: AttemptRef; readonly failure: Failure } & RetryContext)
  /** Time has reached what `sandboxDueAt` says. */
  | ({ readonly type: 'due' } & RetryContext)
  /** Its timeout has passed, and the snapshot that it asks for is stored together with it. The snapshot is looked at by `retryAt`. */
  | { readonly type: 'capture_started'; readonly snapshotId: SnapshotId; readonly at: number; readonly retryAt: number }
  /** That snapshot is active. */
  | { readonly type: 'captured'; readonly snapshotId: SnapshotId }
  /** That snapshot will never be active; without an id, it could not even be begun. */
  | { readonly type: 'capture_failed'; readonly snapshotId?: SnapshotId; readonly failure: Failure; readonly at: number }
  /** Somebody says how long it is to run, from now or from when it next does. 0: without end. */
  | { readonly type: 'timeout_set'; readonly timeoutSecs: number; readonly at: number }
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
  | { readonly type: 'found'; readonly executorId: ExecutorId; readonly state: 'running' | 'paused'; readonly at: number }
  /** The executor's inventory does not hold the container. */
  | { readonly type: 'vanished'; readonly executorId: ExecutorId; readonly at: number }
  /** The executor has not been heard of for longer than the grace period. */
  | { readonly type: 'executor_lost'; readonly executorId: ExecutorId; readonly at: number }
  /** The record has been kept long enough. */
  | { readonly type: 'retention_passed' };

/** The event of type `T`. */
export type Event<T extends SandboxEvent['type']> = Extract<SandboxEvent, { type: T }>;

/** What is needed to decide when the next attempt is made. `random` in [0, 1) spreads retries. */
export interface RetryContext {
  readonly at: number;
  readonly retry: RetryPolicy;
  readonly random: number;
}
