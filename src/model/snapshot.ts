import type { Failure } from './errors.ts';
import type { ExecutorId, Namespace, SandboxId, SnapshotId } from './ids.ts';
import type { Labels } from './labels.ts';
import type { PendingOperation, Progress } from './operation.ts';
import type { SandboxSpec } from './sandbox.ts';

/**
 * - `creating`: the container is frozen, captured and thawed.
 * - `uploading`: the layers go to the registry; restorable on the executor that captured it.
 * - `active`: restorable everywhere it claims to be.
 * - `failed`: there is no snapshot; the error says why, and is kept for a while so that somebody sees it.
 * - `deleting`: its image is being removed.
 */
export type SnapshotStatus = 'creating' | 'uploading' | 'active' | 'failed' | 'deleting';

/** Durations in milliseconds. */
interface SnapshotTimings {
  /** How long the sandbox's processes stood still. */
  readonly freezeMs: number;
  /** From the executor's first call to the engine until the image existed. */
  readonly captureMs: number;
  /** Absent without a registry. */
  readonly uploadMs?: number;
  /** From the request to `active`; while it uploads, from the request to the end of the capture. */
  readonly totalMs: number;
}

/** What a capture brought, as the executor reports it. */
export interface Captured {
  /** Content digest of the image: `sha256:` and 64 hexadecimal digits. */
  readonly digest: string;
  /** Bytes of all layers. */
  readonly sizeBytes: number;
  readonly layerCount: number;
  readonly freezeMs: number;
  readonly captureMs: number;
}

export interface Snapshot {
  readonly id: SnapshotId;
  readonly namespace: Namespace;
  readonly sandboxId: SandboxId;
  /** The executor that the sandbox ran on. */
  readonly executorId: ExecutorId;
  readonly name?: string;
  readonly labels: Labels;
  readonly status: SnapshotStatus;
  /** In words, where there is more to say than the status. */
  readonly statusReason?: string;
  /** The failure of the latest attempt, and after how many. Kept in `failed`; gone once an attempt succeeds. */
  readonly error?: Failure & { readonly attempts: number };
  /** Epoch milliseconds, like all times here. */
  readonly createdAt: number;
  readonly activatedAt?: number;
  readonly failedAt?: number;
  /** Seconds of life from creation; 0 for no end. */
  readonly ttlSecs: number;
  readonly expiresAt?: number;
  /** Image reference on the executors, and in the registry where there is one. */
  readonly imageRef: string;
  readonly digest?: string;
  readonly sizeBytes?: number;
  readonly layerCount?: number;
  /** The snapshot that the sandbox itself was restored from. */
  readonly parentSnapshotId?: SnapshotId;
  /** Executors that hold the image. */
  readonly availableOn: readonly ExecutorId[];
  readonly inRegistry: boolean;
  readonly progress?: Progress;
  readonly timings?: SnapshotTimings;
  /** The configuration that the sandbox ran with. */
  readonly sandboxConfig: SandboxSpec;
  /** Attempts at the present step, counted from 1; 0 before the first. */
  readonly attempt: number;
  /** No attempt before this time. */
  readonly nextAttemptAt?: number;
  /** The operation that it waits for. */
  readonly operation?: PendingOperation;
}

/** When the snapshot needs attention even if nothing happens: its deadline or next attempt. Expiry is apart: `snapshotExpiresAt`. */
export function snapshotDueAt(snapshot: Snapshot): number | undefined {
  switch (snapshot.status) {
    case 'creating':
    case 'uploading':
    case 'deleting':
      return snapshot.operation?.deadlineAt ?? snapshot.nextAttemptAt ?? snapshot.createdAt;
    case 'active':
    case 'failed':
      return undefined;
  }
}

/** When the snapshot is to be cleaned up: at the end of its TTL once active, and `failedRetentionSecs` after it failed. */
export function snapshotExpiresAt(snapshot: Snapshot): number | undefined {
  return snapshot.status === 'active' || snapshot.status === 'failed' ? snapshot.expiresAt : undefined;
}

/** True while the snapshot counts against its namespace's quota: while it holds, or will hold, an image. */
export function countsTowardsQuota(snapshot: Snapshot): boolean {
  return snapshot.status !== 'failed';
}

/** True once a snapshot's TTL has passed, whether or not the cleanup has come round to it. */
export function isExpired(snapshot: Snapshot, now: number): boolean {
  return snapshot.expiresAt !== undefined && snapshot.expiresAt <= now;
}
