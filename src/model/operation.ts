import type { ExecutorId, Namespace, OperationId, SandboxId, SnapshotId } from './ids.ts';

/** What an executor can be told to do. Each is idempotent: a repeated one finds its work done. */
export type OperationKind = 'start_sandbox' | 'stop_sandbox' | 'pause_sandbox' | 'resume_sandbox' | 'create_snapshot' | 'delete_snapshot';

/**
 * One durable instruction to one executor. It carries ids only: what it needs to know is read from its object when it is
 * sent, so that no secret is stored twice. It is stored from the commit that starts an attempt until the commit
 * that ends it; a result whose id or attempt is not the one that its object waits for changes nothing.
 */
export interface Operation {
  readonly id: OperationId;
  readonly kind: OperationKind;
  readonly executorId: ExecutorId;
  readonly namespace: Namespace;
  readonly sandboxId: SandboxId;
  /** Set for `create_snapshot` and `delete_snapshot`. */
  readonly snapshotId?: SnapshotId;
  /** Counts from 1. */
  readonly attempt: number;
  /** Epoch milliseconds. Past it the attempt counts as failed, whatever the executor says later. */
  readonly deadlineAt: number;
}

/** Which attempt a result, a progress report or a failure belongs to. */
export interface AttemptRef {
  readonly operationId: OperationId;
  readonly attempt: number;
}

/** The operation that an object waits for. At most one at a time. */
export interface PendingOperation extends AttemptRef {
  readonly kind: OperationKind;
  readonly executorId: ExecutorId;
  /** Epoch milliseconds. */
  readonly deadlineAt: number;
}

/** How often an operation is tried before its object fails, how long one attempt may take, and the waits between. */
export interface RetryPolicy {
  readonly maxAttempts: number;
  readonly backoff: { readonly baseMs: number; readonly maxMs: number };
}

/** Three attempts, 1 s and 2 s apart. */
export const DEFAULT_RETRY_POLICY: RetryPolicy = { maxAttempts: 3, backoff: { baseMs: 1_000, maxMs: 60_000 } };

/** How far an operation is. Bytes and layers are absent where the engine does not tell. */
export interface Progress {
  readonly phase: string;
  readonly bytesDone: number;
  readonly bytesTotal?: number;
  readonly layersDone?: number;
  readonly layersTotal?: number;
}

/** True when `now` is further than `before`. A report that is not says nothing new: it neither is stored nor moves a deadline. */
export function getsOn(before: Progress | undefined, now: Progress): boolean {
  if (before === undefined || before.phase !== now.phase) return true;
  return now.bytesDone > before.bytesDone || (now.layersDone ?? 0) > (before.layersDone ?? 0);
}
