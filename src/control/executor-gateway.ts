import type { ExecutorInfo } from '../model/executor.ts';
import type { ExecutorId, OperationId, SandboxId } from '../model/ids.ts';
import type { Instruction, OperationResult } from '../model/instruction.ts';
import type { Discards, ReportedInventory } from '../model/inventory.ts';
import type { AttemptRef, Progress } from '../model/operation.ts';

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
