import type { ExecutorId } from './ids.ts';
import type { Labels } from './labels.ts';

/**
 * - `online`: its session is up; it takes operations.
 * - `offline`: its session is down; it may be restarting, or the link may be cut. What it runs is left alone.
 * - `lost`: it has been offline for longer than the grace period: what ran on it counts as ended.
 */
export type ExecutorStatus = 'online' | 'offline' | 'lost';

/** What an executor offers to sandboxes in all. */
export interface Capacity {
  /** CPU cores that may be promised; more than the host has where overcommitment is configured. */
  readonly cpus: number;
  readonly memoryMb: number;
  readonly maxSandboxes: number;
}

/** What an executor says about itself when it connects. */
export interface ExecutorInfo {
  readonly hostname: string;
  readonly version: string;
  readonly labels: Labels;
  readonly capacity: Capacity;
  /** Container runtimes of its engine, such as `runc` and `runsc`. */
  readonly runtimes: readonly string[];
  /** The driver and the engine's version, such as `docker 20.10.24`. */
  readonly engine: string;
  /** Whether its storage can limit the writable disk of one sandbox. */
  readonly limitsDisk: boolean;
}

export interface Executor {
  readonly id: ExecutorId;
  readonly info: ExecutorInfo;
  readonly status: ExecutorStatus;
  /** True: it takes no new sandboxes. */
  readonly cordoned: boolean;
  /** Epoch milliseconds, like all times here. */
  readonly firstSeenAt: number;
  /** When it last went online or offline. */
  readonly statusChangedAt: number;
}
