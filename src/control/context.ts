import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../lib/logger.ts';
import type { NewId } from '../model/ids.ts';
import type { RetryPolicy } from '../model/operation.ts';
import type { Store } from '../store/store.ts';

/** What commands, queries and controllers work with. */
export interface ControlContext {
  readonly store: Store;
  readonly clock: Clock;
  readonly newId: NewId;
  /** A number in [0, 1). */
  readonly random: () => number;
  readonly settings: ControlSettings;
  readonly log: Logger;
  readonly metrics: ControlMetrics;
}

/** Durations in seconds unless the name says otherwise. `main/config.ts` has the defaults. */
export interface ControlSettings {
  /** Image of sandboxes that name none. */
  readonly defaultImage: string;
  readonly defaultResources: { readonly cpus: number; readonly memoryMb: number };
  /** Timeout of sandboxes that name none; 0 for none. */
  readonly defaultSandboxTimeoutSecs: number;
  readonly defaultSnapshotTtlSecs: number;
  readonly maxSnapshotsPerNamespace: number;
  readonly snapshotCleanupIntervalSecs: number;
  readonly failedSnapshotRetentionSecs: number;
  readonly terminatedSandboxRetentionSecs: number;
  /** How long an executor may be away before what runs on it counts as lost. */
  readonly executorGraceSecs: number;
  /** How long a sandbox may wait for an executor. */
  readonly sandboxStartDeadlineSecs: number;
  /** How long one attempt at an operation may take. */
  readonly operationTimeoutSecs: {
    readonly start: number;
    readonly stop: number;
    readonly pause: number;
    readonly capture: number;
    readonly remove: number;
  };
  readonly retry: RetryPolicy;
}

/** What the control plane counts. `server/metrics.ts` backs it with Prometheus. */
export interface ControlMetrics {
  /** A result, progress report or state that belongs to another attempt than the one waited for. */
  staleReport(kind: string): void;
  operationFinished(kind: string, outcome: 'succeeded' | 'failed', durationMs: number): void;
  /** Keys in, or waiting for, a work queue. */
  queueDepth(queue: string, depth: number): void;
}
