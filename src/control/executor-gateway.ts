import type { Failure } from '../model/errors.ts';
import type { ExecutorInfo } from '../model/executor.ts';
import type { ExecutorId, OperationId, SandboxId, SnapshotId } from '../model/ids.ts';
import type { AttemptRef, Operation, Progress } from '../model/operation.ts';
import type { SandboxSource, SandboxSpec } from '../model/sandbox.ts';
import type { Captured } from '../model/snapshot.ts';

/**
 * What executors' sessions ask of the control plane, and hand to it. `server/grpc/` calls it for whatever comes over the
 * wire; nothing in it knows how executors are connected.
 */
export interface ExecutorGateway {
  /** Id of the store, which executors put on everything that they make. */
  readonly clusterId: string;

  /**
   * An executor's session is up: stores what it says about itself, and reconciles what it holds with what is recorded.
   * @returns objects that it holds and that are to be removed: they are of this cluster, and no record wants them.
   */
  connected(executorId: ExecutorId, info: ExecutorInfo, inventory: ReportedInventory): Promise<Discards>;

  /** The session is down. What the executor runs is left alone until the grace period has passed. */
  disconnected(executorId: ExecutorId): Promise<void>;

  /**
   * Operations that the executor is to carry out: first all that are open, then each as it is issued; and those that no
   * object waits for any longer. Ends when `signal` aborts. Every connection gets every open operation again.
   */
  operations(executorId: ExecutorId, signal: AbortSignal): AsyncIterable<OperationFeed>;

  /** Stores a result. Once this resolves, it is stored or does not matter, and the executor can forget it. */
  result(executorId: ExecutorId, ref: AttemptRef, result: OperationResult): Promise<void>;

  progress(executorId: ExecutorId, ref: AttemptRef, progress: Progress): Promise<void>;

  sandboxEnded(executorId: ExecutorId, sandboxId: SandboxId, ended: { exitCode: number; oomKilled: boolean }): Promise<void>;
}

export type OperationFeed = { readonly issued: Instruction } | { readonly cancelled: OperationId };

/** An operation with all that the executor must know. */
export type Instruction = Operation & { readonly timeoutMs: number } & (
    | {
        readonly kind: 'start_sandbox';
        readonly spec: SandboxSpec;
        readonly secretEnv: Readonly<Record<string, string>>;
        /** Set when the sandbox starts from a snapshot. */
        readonly source?: Required<SandboxSource>;
      }
    | { readonly kind: 'stop_sandbox' | 'pause_sandbox' | 'resume_sandbox' }
    | { readonly kind: 'create_snapshot'; readonly snapshotId: SnapshotId; readonly imageRef: string }
    | { readonly kind: 'delete_snapshot'; readonly snapshotId: SnapshotId }
  );

export type OperationResult =
  | { readonly outcome: 'done' }
  | { readonly outcome: 'captured'; readonly captured: Captured }
  | { readonly outcome: 'failed'; readonly failure: Failure };

export interface ReportedInventory {
  readonly sandboxes: readonly {
    readonly sandboxId: SandboxId;
    readonly clusterId: string;
    readonly state: 'running' | 'paused' | 'exited';
    readonly exitCode: number;
    readonly oomKilled: boolean;
  }[];
  readonly snapshots: readonly { readonly snapshotId: SnapshotId; readonly clusterId: string; readonly digest: string }[];
}

export interface Discards {
  readonly sandboxIds: readonly SandboxId[];
  readonly snapshotIds: readonly SnapshotId[];
}
