/*
 * What travels on the wire, field by field: JSON in snake_case, times in epoch milliseconds, sizes in bytes, durations in
 * seconds unless the name says otherwise. An absent field is missing, never `null`.
 */

/**
 * - `pending`: waits for an executor or for its snapshot; `pending_reason` says which.
 * - `starting`: an executor has been told to start it.
 * - `running`: a command can run in it.
 * - `paused`: its processes are frozen.
 * - `stopping`: its container is being removed.
 * - `terminated`: it has ended; `outcome` and `message` say why.
 */
export type SandboxStatus = 'pending' | 'starting' | 'running' | 'paused' | 'stopping' | 'terminated';

/** The statuses that can be waited for. */
export type SandboxWaitStatus = Extract<SandboxStatus, 'running' | 'paused' | 'terminated'>;

export type SandboxOutcome = 'stopped' | 'timeout' | 'exited' | 'oom_killed' | 'start_failed' | 'vanished' | 'executor_lost';

/** What happens when `timeout_secs` has passed. `snapshot`: one is taken, and it ends once that is active. */
export type OnTimeout = 'terminate' | 'pause' | 'snapshot';

export type Labels = Readonly<Record<string, string>>;

export interface Resources {
  /** CPU cores; fractions are allowed. */
  readonly cpus: number;
  /** Mebibytes of memory. */
  readonly memory_mb: number;
  /** Mebibytes of writable disk; only where the executor's storage can limit it. */
  readonly disk_mb?: number;
}

export interface NetworkPolicy {
  /** False: the sandbox reaches nothing but itself. */
  readonly allow_internet_access: boolean;
}

/** A failure that is recorded with an object. */
export interface Failure {
  readonly code: string;
  readonly reason: string;
  readonly message: string;
}

/** The configuration that a sandbox runs with. Secrets are never in it, only their names. */
export interface SandboxConfig {
  readonly image: string;
  readonly resources: Resources;
  readonly env: Readonly<Record<string, string>>;
  readonly secret_names: readonly string[];
  readonly entrypoint?: readonly string[];
  readonly workdir?: string;
  readonly user?: string;
  /** Seconds from start to end; 0 for no end. */
  readonly timeout_secs: number;
  readonly on_timeout: OnTimeout;
  readonly network: NetworkPolicy;
  readonly exposed_ports: readonly number[];
  readonly runtime?: string;
}

export interface Sandbox extends SandboxConfig {
  readonly sandbox_id: string;
  readonly namespace: string;
  readonly status: SandboxStatus;
  readonly pending_reason?: string;
  readonly outcome?: SandboxOutcome;
  readonly message?: string;
  readonly error?: Failure;
  /** Exit status of the entrypoint, when it ended by itself. */
  readonly exit_code?: number;
  /** The snapshot that it started from. */
  readonly snapshot_id?: string;
  readonly labels: Labels;
  readonly executor_id?: string;
  readonly created_at: number;
  readonly started_at?: number;
  readonly terminated_at?: number;
  readonly expires_at?: number;
  /** The snapshot that is, or was, taken of it because its timeout has passed. */
  readonly timeout_snapshot_id?: string;
  /** How far its start is, while its image is being fetched. */
  readonly progress?: Progress;
}

/** What a request for a sandbox answers at once. */
export interface SandboxRef {
  readonly sandbox_id: string;
  readonly status: SandboxStatus;
}

/** What can be chosen anew when a snapshot is restored or a sandbox is forked. */
export interface SandboxOverrides {
  readonly resources?: Partial<Resources>;
  /** On top of the recorded ones. */
  readonly env?: Readonly<Record<string, string>>;
  /** Environment that is never shown again, and never part of a snapshot. */
  readonly secrets?: Readonly<Record<string, string>>;
  readonly labels?: Labels;
  readonly network?: NetworkPolicy;
  readonly timeout_secs?: number;
  readonly on_timeout?: OnTimeout;
}

/** A sandbox from `image`, from `snapshot_id`, or from the server's default image when neither is given. */
export interface CreateSandboxParams extends SandboxOverrides {
  readonly image?: string;
  readonly snapshot_id?: string;
  readonly entrypoint?: readonly string[];
  readonly workdir?: string;
  readonly user?: string;
  readonly exposed_ports?: readonly number[];
  readonly runtime?: string;
}

export interface ForkParams extends SandboxOverrides {
  /** 1–100; 1 when absent. */
  readonly count?: number;
}

export interface ForkAnswer {
  /** The short-lived snapshot that the forks start from. */
  readonly snapshot_id: string;
  readonly sandboxes: readonly SandboxRef[];
}

/** All given conditions hold. */
export interface SandboxFilter {
  readonly status?: SandboxStatus;
  readonly label?: Labels;
}

/** A command: a program with arguments, or a line for `/bin/sh`. */
export type ExecParams = ExecOptions &
  ({ readonly cmd: string; readonly args?: readonly string[]; readonly shell?: never } | { readonly shell: string; readonly cmd?: never });

export interface ExecOptions {
  /** On top of the sandbox's own. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly user?: string;
  readonly stdin?: string;
  /** `base64` for input that is not text. */
  readonly stdin_encoding?: 'utf8' | 'base64';
  /** The command is killed when it takes longer. */
  readonly timeout_secs?: number;
  /** `base64` for output that is not text; `utf8` replaces what is not valid. */
  readonly encoding?: 'utf8' | 'base64';
  /** Bytes kept of each stream; what is beyond is dropped and reported as truncated. Only without streaming. */
  readonly max_output_bytes?: number;
}

export interface ExecResult {
  readonly exit_code: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly stdout_truncated: boolean;
  readonly stderr_truncated: boolean;
  readonly duration_ms: number;
}

export interface ExecExit {
  readonly exit_code: number;
  readonly duration_ms: number;
}

/** What a streamed command tells, in order: its output as it comes, then its exit. */
export type ExecEvent = { readonly stdout: string } | { readonly stderr: string } | { readonly exit: ExecExit };

/**
 * - `creating`: the sandbox is frozen, captured and thawed.
 * - `uploading`: the layers go to the registry.
 * - `active`: it can be restored.
 * - `failed`: there is no snapshot; `error` says why.
 * - `deleting`: its image is being removed.
 */
export type SnapshotStatus = 'creating' | 'uploading' | 'active' | 'failed' | 'deleting';

/** How far the present step is. Bytes and layers are absent where the engine does not tell. */
export interface Progress {
  readonly phase: string;
  readonly bytes_done: number;
  readonly bytes_total?: number;
  readonly layers_done?: number;
  readonly layers_total?: number;
}

export interface SnapshotTimings {
  /** How long the sandbox's processes stood still. */
  readonly freeze_ms: number;
  readonly capture_ms: number;
  /** Absent without a registry. */
  readonly upload_ms?: number;
  readonly total_ms: number;
}

export interface Snapshot {
  readonly snapshot_id: string;
  readonly sandbox_id: string;
  readonly namespace: string;
  readonly name?: string;
  readonly labels: Labels;
  readonly status: SnapshotStatus;
  readonly status_reason?: string;
  /** The failure of the latest attempt. */
  readonly error?: Failure & { readonly attempts: number };
  readonly created_at: number;
  readonly activated_at?: number;
  /** Seconds of life from creation; 0 for no end. */
  readonly ttl_secs: number;
  readonly expires_at?: number;
  readonly image_ref: string;
  /** Content digest of the image: `sha256:` and 64 hexadecimal digits. */
  readonly digest?: string;
  readonly size_bytes?: number;
  readonly layer_count?: number;
  readonly parent_snapshot_id?: string;
  /** Executors that hold the image. */
  readonly available_on: readonly string[];
  readonly in_registry: boolean;
  readonly progress?: Progress;
  readonly timings?: SnapshotTimings;
  readonly sandbox_config: SandboxConfig;
}

export interface SnapshotRef {
  readonly snapshot_id: string;
  readonly status: SnapshotStatus;
}

export interface CreateSnapshotParams {
  readonly name?: string;
  readonly labels?: Labels;
  /** Seconds from now; 0 for no end; the server's default when absent. */
  readonly ttl_secs?: number;
}

/** All given conditions hold. */
export interface SnapshotFilter {
  readonly status?: SnapshotStatus;
  readonly name?: string;
  readonly label?: Labels;
  readonly sandbox_id?: string;
}

export interface RestoreParams extends SandboxOverrides {
  /** Restores an expired snapshot that is still there. */
  readonly force?: boolean;
}

interface RestoreFacts {
  /** False when the snapshot had expired: the sandbox is a fresh one with the recorded configuration. */
  readonly restored_from_snapshot: boolean;
  readonly ttl_expired: boolean;
}

export interface RestoredSandbox extends SandboxRef, RestoreFacts {}

export interface RestoredSandboxes extends RestoreFacts {
  readonly sandboxes: readonly SandboxRef[];
}

/** A change of a snapshot. `gone`: it has been removed, and nothing follows. */
export type SnapshotEvent =
  | { readonly type: 'snapshot'; readonly revision: string; readonly snapshot: Snapshot }
  | { readonly type: 'gone' };

/** `offline`: its session is down; `lost`: it has been offline for too long, and what ran on it counts as ended. */
export type ExecutorStatus = 'online' | 'offline' | 'lost';

export interface Executor {
  readonly executor_id: string;
  readonly hostname: string;
  readonly version: string;
  readonly status: ExecutorStatus;
  /** True: it takes no new sandboxes. */
  readonly cordoned: boolean;
  /** The driver and the engine's version, such as `docker 20.10.24`. */
  readonly engine: string;
  readonly runtimes: readonly string[];
  readonly labels: Labels;
  readonly capacity: { readonly cpus: number; readonly memory_mb: number; readonly max_sandboxes: number };
  readonly first_seen_at: number;
  readonly status_changed_at: number;
}

/** Whether the server can serve. */
export interface Readiness {
  readonly ready: boolean;
  /** Why not, one sentence each; empty when it is ready. */
  readonly reasons: readonly string[];
  readonly executors_online?: number;
}

export interface ServerVersion {
  /** `sandglass`. */
  readonly name: string;
  /** Of the program, such as `0.1.0`. */
  readonly version: string;
  /** Of the API, such as `v1`. */
  readonly api: string;
}
