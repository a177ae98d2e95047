/** A line that the main process of a sandbox has printed. */
export interface LogLine {
  readonly at: number;
  readonly stream: 'stdout' | 'stderr';
  /** Without its line feed. What is no UTF-8 has become U+FFFD. */
  readonly message: string;
}

/** What a sandbox uses, as the engine measures it. */
export interface SandboxMetrics {
  readonly at: number;
  /** CPU cores that it may use. */
  readonly cpus: number;
  /** CPU time used since it was started, in milliseconds. */
  readonly cpu_time_ms: number;
  /** CPU cores used on average over the last moment. */
  readonly cpu_used: number;
  readonly memory_used_bytes: number;
  readonly memory_limit_bytes: number;
  /** The part of the used memory that the kernel can take back. */
  readonly memory_cache_bytes: number;
  /** Bytes in the sandbox's own layer; absent where the engine does not tell. */
  readonly disk_used_bytes?: number;
  readonly processes: number;
  readonly network_received_bytes: number;
  readonly network_sent_bytes: number;
}
