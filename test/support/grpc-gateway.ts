import type { ExecutorGateway, OperationFeed } from '../../src/control/executor-gateway.ts';
import type { ExecutorInfo } from '../../src/model/executor.ts';
import type { ExecutorId, OperationId, SandboxId } from '../../src/model/ids.ts';
import type { Instruction, OperationResult } from '../../src/model/instruction.ts';
import type { Discards, ReportedInventory } from '../../src/model/inventory.ts';
import type { AttemptRef, Progress } from '../../src/model/operation.ts';

/** What sessions told the control plane, in order. */
export type GatewayCall =
  | { readonly call: 'connected'; readonly executorId: ExecutorId; readonly info: ExecutorInfo; readonly inventory: ReportedInventory }
  | { readonly call: 'disconnected'; readonly executorId: ExecutorId }
  | { readonly call: 'result'; readonly executorId: ExecutorId; readonly ref: AttemptRef; readonly result: OperationResult }
  | { readonly call: 'progress'; readonly executorId: ExecutorId; readonly ref: AttemptRef; readonly progress: Progress }
  | {
      readonly call: 'ended';
      readonly executorId: ExecutorId;
      readonly sandboxId: SandboxId;
      readonly exitCode: number;
      readonly oomKilled: boolean;
    };

/** A control plane that writes down what it is told. Operations are open from `issue` until their result. */
export class RecordingGateway implements ExecutorGateway {
  readonly clusterId = 'cluster-test';
  readonly calls: GatewayCall[] = [];
  readonly open = new Map<OperationId, Instruction>();
  discards: Discards = { sandboxIds: [], snapshotIds: [] };
  /** Runs before each result is stored: can wait, or fail. */
  beforeResult: (ref: AttemptRef) => Promise<void> = async () => {};
  beforeConnected: () => Promise<void> = async () => {};
  readonly #feeds = new Set<{ readonly executorId: ExecutorId; readonly push: (item: OperationFeed) => void }>();

  /** The calls of one kind. */
  of<C extends GatewayCall['call']>(call: C): Extract<GatewayCall, { call: C }>[] {
    return this.calls.filter((entry): entry is Extract<GatewayCall, { call: C }> => entry.call === call);
  }

  /** The results of one operation, in order. */
  resultsOf(operationId: OperationId): OperationResult[] {
    return this.of('result').flatMap(({ ref, result }) => (ref.operationId === operationId ? [result] : []));
  }

  issue(instruction: Instruction): void {
    this.open.set(instruction.id, instruction);
    this.#push(instruction.executorId, { issued: instruction });
  }

  cancel(executorId: ExecutorId, operationId: OperationId): void {
    this.open.delete(operationId);
    this.#push(executorId, { cancelled: operationId });
  }

  async connected(executorId: ExecutorId, info: ExecutorInfo, inventory: ReportedInventory): Promise<Discards> {
    await this.beforeConnected();
    this.calls.push({ call: 'connected', executorId, info, inventory });
    return this.discards;
  }

  async disconnected(executorId: ExecutorId): Promise<void> {
    this.calls.push({ call: 'disconnected', executorId });
  }

  async *operations(executorId: ExecutorId, signal: AbortSignal): AsyncIterable<OperationFeed> {
    const queue: OperationFeed[] = [...this.open.values()].filter((op) => op.executorId === executorId).map((issued) => ({ issued }));
    let wake = () => {};
    const feed = {
      executorId,
      push: (item: OperationFeed) => {
        queue.push(item);
        wake();
      },
    };
    this.#feeds.add(feed);
    signal.addEventListener('abort', () => wake(), { once: true });
    while (!signal.aborted) {
      const item = queue.shift();
      if (item !== undefined) yield item;
      else await new Promise<void>((resolve) => (wake = resolve));
    }
    this.#feeds.delete(feed);
  }

  async result(executorId: ExecutorId, ref: AttemptRef, result: OperationResult): Promise<void> {
    await this.beforeResult(ref);
    this.open.delete(ref.operationId);
    this.calls.push({ call: 'result', executorId, ref: { operationId: ref.operationId, attempt: ref.attempt }, result });
  }

  async progress(executorId: ExecutorId, ref: AttemptRef, progress: Progress): Promise<void> {
    this.calls.push({ call: 'progress', executorId, ref, progress });
  }

  async sandboxEnded(executorId: ExecutorId, sandboxId: SandboxId, ended: { exitCode: number; oomKilled: boolean }): Promise<void> {
    this.calls.push({ call: 'ended', executorId, sandboxId, ...ended });
  }

  #push(executorId: ExecutorId, item: OperationFeed): void {
    for (const feed of this.#feeds) if (feed.executorId === executorId) feed.push(item);
  }
}
