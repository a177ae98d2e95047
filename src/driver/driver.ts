import type { Duplex } from 'node:stream';
import type { Namespace, SandboxId, SnapshotId } from '../model/ids.ts';
import type { Progress } from '../model/operation.ts';
import type { SandboxSpec } from '../model/sandbox.ts';
import type { Captured } from '../model/snapshot.ts';
import type { LogLine, LogsRequest, SandboxMetrics } from '../model/telemetry.ts';

/**
 * The port to a container engine, in words of sandboxes and snapshots. What differs between engines is declared in
 * `EngineInfo`, not asked by name.
 *
 * Every method takes an `AbortSignal` and may throw `engine_unavailable` (nothing answers) and `engine_error` (with the
 * engine's own message); both can be retried. Methods that change something are idempotent: they are repeated after a
 * crash of either side, and find their work done, or half done, and finish it.
 */
export interface Driver {
  /** What the engine is and can do. */
  info(signal: AbortSignal): Promise<EngineInfo>;

  /**
   * Makes what is left over from a crash safe, before anything else is done: thaws sandboxes that a capture left frozen
   * (those frozen by `pause` stay frozen), lets the guests of those that are there in again, and removes what was half made.
   */
  recover(signal: AbortSignal): Promise<void>;

  /** All sandboxes and snapshots with our labels that the engine holds. What carries no label of ours is never listed. */
  inventory(signal: AbortSignal): Promise<Inventory>;

  /**
   * Makes sure that the sandbox runs: fetches the image when it is not there, creates the container, starts it, and initialises
   * its guest, so that a command can run when it resolves. When it fails, nothing is left over.
   * @throws SandglassError `invalid_image`, `image_not_found`, `image_pull_denied`, `snapshot_unavailable` (the image of its
   * snapshot is not here, or has another digest), `unsupported_runtime`, `invalid_resources`, `entrypoint_failed`, `disk_full`,
   * `guest_unavailable`.
   */
  startSandbox(request: StartRequest, onProgress: OnProgress, signal: AbortSignal): Promise<void>;

  /** Makes sure that nothing is left of the sandbox: ends its processes and removes its container. */
  stopSandbox(sandboxId: SandboxId, signal: AbortSignal): Promise<void>;

  /**
   * Freezes the sandbox's processes, durably: it stays frozen after a crash of the executor.
   * @throws SandglassError `sandbox_not_running`.
   */
  pauseSandbox(sandboxId: SandboxId, signal: AbortSignal): Promise<void>;

  /**
   * Thaws the sandbox's processes.
   * @throws SandglassError `sandbox_not_running`.
   */
  resumeSandbox(sandboxId: SandboxId, signal: AbortSignal): Promise<void>;

  /**
   * A new connection to the sandbox's guest, on which the caller speaks HTTP/1.1. What comes over it is hostile until checked. It
   * can turn out to have ended just before; then the next one is worth a try. While the sandbox is captured, the guest is silent.
   * `signal` counts until there is a connection.
   * @throws SandglassError `sandbox_not_running` (also when it is paused), `guest_unavailable` (none comes within 10 s),
   * `too_many_requests` (1024 are open).
   */
  connectGuest(sandboxId: SandboxId, signal: AbortSignal): Promise<Duplex>;

  /**
   * What the sandbox's main process has printed, oldest line first. Ends when all that was asked for has been told; with `follow`,
   * when the sandbox ends. Ends, too, when `signal` aborts.
   * @throws SandglassError `sandbox_not_running` (nothing is left of it).
   */
  logs(request: LogsRequest, signal: AbortSignal): AsyncIterable<LogLine>;

  /**
   * What the sandbox uses, as the engine measures it.
   * @throws SandglassError `sandbox_not_running`.
   */
  metrics(sandboxId: SandboxId, signal: AbortSignal): Promise<SandboxMetrics>;

  /**
   * Captures the sandbox's files as an image. The sandbox is frozen as briefly as the engine allows, and thawed whatever
   * happens. A repeated call for the same snapshot finds the image that is already there.
   * @throws SandglassError `sandbox_not_running` (there is nothing to capture), `disk_full`.
   */
  captureSnapshot(request: CaptureRequest, onProgress: OnProgress, signal: AbortSignal): Promise<Captured>;

  /** Makes sure that the snapshot's image can't be restored any more, and that its space is free once no sandbox uses it. */
  removeSnapshot(snapshotId: SnapshotId, signal: AbortSignal): Promise<void>;

  /** What happens to sandboxes without being asked for. Ends when `signal` aborts; throws `engine_unavailable` when the engine goes away. */
  events(signal: AbortSignal): AsyncIterable<SandboxEnded>;
}

export interface EngineInfo {
  /** The driver and the engine's version, such as `docker 20.10.24`. */
  readonly engine: string;
  readonly cpus: number;
  readonly memoryMb: number;
  readonly runtimes: readonly string[];
  readonly limitsDisk: boolean;
}

export type OnProgress = (progress: Progress) => void;

export interface StartRequest {
  readonly sandboxId: SandboxId;
  readonly namespace: Namespace;
  readonly clusterId: string;
  readonly spec: SandboxSpec;
  /** Secret environment variables, on top of `spec.env`. They reach processes, and nothing that the engine keeps. */
  readonly secretEnv: Readonly<Record<string, string>>;
  /** The snapshot's image to start from, instead of `spec.image`. */
  readonly snapshot?: { readonly snapshotId: SnapshotId; readonly imageRef: string; readonly digest: string };
}

export interface CaptureRequest {
  readonly sandboxId: SandboxId;
  readonly snapshotId: SnapshotId;
  readonly namespace: Namespace;
  readonly clusterId: string;
  readonly imageRef: string;
}

export interface Inventory {
  readonly sandboxes: readonly InventorySandbox[];
  readonly snapshots: readonly InventorySnapshot[];
}

export interface InventorySandbox {
  readonly sandboxId: SandboxId;
  readonly clusterId: string;
  readonly state: 'running' | 'paused' | 'exited';
  readonly exitCode?: number;
  readonly oomKilled?: boolean;
}

export interface InventorySnapshot {
  readonly snapshotId: SnapshotId;
  readonly clusterId: string;
  readonly digest: string;
}

/** The main process of a sandbox has ended by itself. */
export interface SandboxEnded {
  readonly sandboxId: SandboxId;
  readonly exitCode: number;
  readonly oomKilled: boolean;
}
