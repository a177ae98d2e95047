import type { Executor } from '../model/executor.ts';
import type { ExecutorId, Namespace, SandboxId, SnapshotId } from '../model/ids.ts';
import type { Sandbox } from '../model/sandbox.ts';
import type { Snapshot } from '../model/snapshot.ts';
import type { Revision } from '../store/store.ts';
import type {
  CreateSandboxRequest,
  CreateSnapshotRequest,
  ForkAnswer,
  ForkSandboxRequest,
  Page,
  PageRequest,
  RestoreAnswer,
  RestoreSnapshotRequest,
  SandboxFilter,
  SnapshotFilter,
} from './requests.ts';

/**
 * The control plane as every way in sees it: the REST API, and later others beside it, translate to these calls and back.
 * Commands store what is wanted and return at once; controllers make it so. Each throws `SandglassError`.
 */
export interface Control {
  /** @throws `snapshot_not_found`, `snapshot_not_active`, `snapshot_unavailable`, `invalid_resources`, `invalid_image`, `unsupported`. */
  createSandbox(ns: Namespace, request: CreateSandboxRequest): Promise<Sandbox>;
  /** @throws `sandbox_not_found`. */
  getSandbox(ns: Namespace, id: SandboxId): Promise<Sandbox>;
  /** @throws `invalid_cursor`. */
  listSandboxes(ns: Namespace, filter: SandboxFilter, page: PageRequest): Promise<Page<Sandbox>>;
  /** Repeated: answers with the sandbox as it is. @throws `sandbox_not_found`. */
  deleteSandbox(ns: Namespace, id: SandboxId): Promise<Sandbox>;
  /** @throws `sandbox_not_found`, `sandbox_not_running`. */
  pauseSandbox(ns: Namespace, id: SandboxId): Promise<Sandbox>;
  /**
   * `timeoutSecs`: how long it is to run from then on, or from now when it runs already; 0 for no end; its configured
   * timeout when absent. @throws `sandbox_not_found`, `sandbox_not_running`.
   */
  resumeSandbox(ns: Namespace, id: SandboxId, request: { readonly timeoutSecs?: number }): Promise<Sandbox>;
  /**
   * Sets how long it is to run: from now, or from when it next runs when it does not. 0 for no end. Its configuration keeps the
   * timeout that it was created with. @throws `sandbox_not_found`; `sandbox_not_running` when it is being paused or has ended.
   */
  setSandboxTimeout(ns: Namespace, id: SandboxId, timeoutSecs: number): Promise<Sandbox>;
  /** @throws `sandbox_not_found`, `sandbox_not_running`, `snapshot_not_active` (its own snapshot failed), as `createSnapshot`. */
  forkSandbox(ns: Namespace, id: SandboxId, request: ForkSandboxRequest): Promise<ForkAnswer>;

  /** @throws `sandbox_not_found`, `sandbox_not_running`, `snapshot_quota_exceeded`. */
  createSnapshot(ns: Namespace, sandboxId: SandboxId, request: CreateSnapshotRequest): Promise<Snapshot>;
  /** @throws `snapshot_not_found`. */
  getSnapshot(ns: Namespace, id: SnapshotId): Promise<Snapshot>;
  /** @throws `invalid_cursor`; `sandbox_not_found` when `filter.sandboxId` names neither a sandbox nor the source of any snapshot. */
  listSnapshots(ns: Namespace, filter: SnapshotFilter, page: PageRequest): Promise<Page<Snapshot>>;
  /** Repeated: answers with the snapshot as it is. @throws `snapshot_not_found`. */
  deleteSnapshot(ns: Namespace, id: SnapshotId): Promise<Snapshot>;
  /** @throws `snapshot_not_found`, `snapshot_not_active`, `snapshot_unavailable`. */
  restoreSnapshot(ns: Namespace, id: SnapshotId, request: RestoreSnapshotRequest): Promise<RestoreAnswer>;

  listExecutors(): Promise<readonly Executor[]>;
  /** @throws `executor_not_found`. */
  getExecutor(id: ExecutorId): Promise<Executor>;
  /** @throws `executor_not_found`. */
  setCordoned(id: ExecutorId, cordoned: boolean): Promise<Executor>;

  /**
   * The sandbox now, then every time that it changes; ends when it is gone or `signal` aborts. Changes that follow one
   * another quickly may be folded into the latest. @throws `sandbox_not_found`.
   */
  watchSandbox(ns: Namespace, id: SandboxId, signal: AbortSignal): AsyncIterable<Sandbox>;
  /** Likewise; no status is ever folded away. @throws `snapshot_not_found`. */
  watchSnapshot(
    ns: Namespace,
    id: SnapshotId,
    signal: AbortSignal,
  ): AsyncIterable<{ readonly snapshot: Snapshot; readonly revision: Revision }>;
}
