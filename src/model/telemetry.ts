import type { SandboxId } from './ids.ts';

/** What the main process of a sandbox, its entrypoint, has printed. */
export interface LogLine {
  /** Epoch milliseconds, by the engine's clock. */
  readonly at: number;
  readonly stream: 'stdout' | 'stderr';
  /** One line without its line feed, as it was printed; parts of a very long line come as lines of their own. */
  readonly bytes: Uint8Array;
}

/** Which part of a sandbox's log. */
export interface LogsRequest {
  readonly sandboxId: SandboxId;
  /** Goes on with what is printed from here on, until the sandbox ends. */
  readonly follow: boolean;
  /** Only the last so many lines of what there is. */
  readonly tail?: number;
  /** Only what was printed at or after this time; epoch milliseconds. */
  readonly since?: number;
}

/** What a sandbox uses, as the engine measures it: the sandbox itself is not asked. */
export interface SandboxMetrics {
  /** Epoch milliseconds. */
  readonly at: number;
  /** CPU cores that it may use. */
  readonly cpus: number;
  /** CPU time used since it was started, in milliseconds. */
  readonly cpuTimeMs: number;
  /** CPU cores that it has used on average since the measurement before, or over a moment; 1.5 is one and a half cores. */
  readonly cpuUsed: number;
  readonly memoryUsedBytes: number;
  readonly memoryLimitBytes: number;
  /** The part of the used memory that the kernel can take back. */
  readonly memoryCacheBytes: number;
  /** Bytes in the sandbox's own layer; absent where the engine does not tell. */
  readonly diskUsedBytes?: number;
  readonly processes: number;
  readonly networkReceivedBytes: number;
  readonly networkSentBytes: number;
}
