import type { SandboxId, SnapshotId } from './ids.ts';

/** What an executor holds, as it reports when it connects. Objects of every cluster that it ever worked for are in it. */
export interface ReportedInventory {
  readonly sandboxes: readonly ReportedSandbox[];
  readonly snapshots: readonly ReportedSnapshot[];
}

export interface ReportedSandbox {
  readonly sandboxId: SandboxId;
  /** Id of the store that the sandbox is recorded in. */
  readonly clusterId: string;
  readonly state: 'running' | 'paused' | 'exited';
  /** 0 unless `exited`. */
  readonly exitCode: number;
  readonly oomKilled: boolean;
}

export interface ReportedSnapshot {
  readonly snapshotId: SnapshotId;
  readonly clusterId: string;
  readonly digest: string;
}

/** Objects that an executor holds and that are to be removed: they are of this cluster, and no record wants them. */
export interface Discards {
  readonly sandboxIds: readonly SandboxId[];
  readonly snapshotIds: readonly SnapshotId[];
}
