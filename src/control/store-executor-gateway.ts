import type { KeyedMutex } from '../lib/keyed-mutex.ts';
import type { Failure } from '../model/errors.ts';
import type { ExecutorInfo } from '../model/executor.ts';
import type { ExecutorId, Namespace, OperationId, SandboxId } from '../model/ids.ts';
import type { OperationResult } from '../model/instruction.ts';
import type { Discards, ReportedInventory } from '../model/inventory.ts';
import type { AttemptRef, Operation, Progress } from '../model/operation.ts';
import type { SnapshotEvent } from '../model/snapshot-lifecycle.ts';
import { executorSandboxIndex, idAndNamespace, operationKey, operationPrefix } from '../store/keys.ts';
import { operationRecord } from '../store/records.ts';
import { type Changed, changeSandbox, changeSnapshot } from './change.ts';
import type { ControlContext } from './context.ts';
import type { ExecutorController } from './executor-controller.ts';
import type { ExecutorGateway, OperationFeed } from './executor-gateway.ts';
import { readInstruction } from './instructions.ts';
import { operationTimeoutMs } from './operations.ts';
import { reconcileInventory } from './reconcile-inventory.ts';

/** Most operations of one executor that are sent at once when it connects. */
const MAX_OPEN_OPERATIONS = 100_000;

/**
 * The result pipeline: operations go from the store to executors, and results from executors to the store. A result
 * changes its object only if the object still waits for just this operation and attempt; anything else is late,
 * repeated or made up, and is counted.
 */
export class StoreExecutorGateway implements ExecutorGateway {
  readonly clusterId: string;
  readonly #ctx: ControlContext;
  readonly #usage: KeyedMutex<Namespace>;
  readonly #executors: ExecutorController;

  constructor(options: { ctx: ControlContext; clusterId: string; usage: KeyedMutex<Namespace>; executors: ExecutorController }) {
    this.clusterId = options.clusterId;
    this.#ctx = options.ctx;
    this.#usage = options.usage;
    this.#executors = options.executors;
  }

  async connected(executorId: ExecutorId, info: ExecutorInfo, inventory: ReportedInventory): Promise<Discards> {
    await this.#executors.online(executorId, info);
    return await reconcileInventory(this.#ctx, this.clusterId, executorId, inventory);
  }

  async disconnected(executorId: ExecutorId): Promise<void> {
    await this.#executors.offline(executorId);
  }

  async *operations(executorId: ExecutorId, signal: AbortSignal): AsyncIterable<OperationFeed> {
    const { store } = this.#ctx;
    const prefix = operationPrefix(executorId);
    const open = new Set<OperationId>();
    const after = store.revision();
    for (const { value } of await store.scan({ prefix, limit: MAX_OPEN_OPERATIONS })) {
      const issued = await this.#issue(open, operationRecord.decode(value));
      if (issued !== undefined) yield { issued };
    }
    for await (const changes of store.watch({ prefix, after, signal })) {
      for (const { key, value } of changes) {
        if (value === undefined) {
          const id = key.slice(prefix.length) as OperationId;
          if (open.delete(id)) yield { cancelled: id };
        } else {
          const issued = await this.#issue(open, operationRecord.decode(value));
          if (issued !== undefined) yield { issued };
        }
      }
    }
  }

  async #issue(open: Set<OperationId>, operation: Operation) {
    if (open.has(operation.id)) return undefined;
    const instruction = await readInstruction(this.#ctx, operation);
    if (instruction !== undefined) open.add(operation.id);
    return instruction;
  }

  async result(executorId: ExecutorId, ref: AttemptRef, result: OperationResult): Promise<void> {
    const operation = await this.#waitedFor(executorId, ref);
    if (operation === undefined) return this.#ctx.metrics.staleReport('result');
    const { ignored } = await this.#applyResult(operation, ref, result);
    if (ignored !== undefined) this.#ctx.metrics.staleReport('result');
    else {
      const startedAt = operation.deadlineAt - operationTimeoutMs(this.#ctx.settings, operation.kind);
      const outcome = result.outcome === 'failed' ? 'failed' : 'succeeded';
      this.#ctx.metrics.operationFinished(operation.kind, outcome, Math.max(0, this.#ctx.clock.now() - startedAt));
    }
  }

  async progress(executorId: ExecutorId, ref: AttemptRef, progress: Progress): Promise<void> {
    const operation = await this.#waitedFor(executorId, ref);
    if (operation === undefined) return this.#ctx.metrics.staleReport('progress');
    const { store, clock, settings } = this.#ctx;
    const event = { type: 'progressed', ref, progress, deadlineAt: clock.now() + operationTimeoutMs(settings, operation.kind) } as const;
    const { ignored } =
      operation.snapshotId === undefined
        ? await changeSandbox(store, operation.namespace, operation.sandboxId, event)
        : await changeSnapshot(store, this.#usage, operation.namespace, operation.snapshotId, event);
    if (ignored === 'stale') this.#ctx.metrics.staleReport('progress');
  }

  async sandboxEnded(executorId: ExecutorId, sandboxId: SandboxId, ended: { exitCode: number; oomKilled: boolean }): Promise<void> {
    const { store, clock } = this.#ctx;
    const [entry] = await store.scan({ prefix: `${executorSandboxIndex(executorId)}${sandboxId}/`, limit: 1, keysOnly: true });
    if (entry === undefined) return this.#ctx.metrics.staleReport('sandbox_ended');
    const { namespace } = idAndNamespace(entry.key);
    await changeSandbox(store, namespace, sandboxId, { type: 'exited', executorId, ...ended, at: clock.now() });
  }

  /** The stored operation that a report belongs to, unless it has been dealt with or was never this executor's. */
  async #waitedFor(executorId: ExecutorId, { operationId, attempt }: AttemptRef): Promise<Operation | undefined> {
    const entry = await this.#ctx.store.get(operationKey(executorId, operationId));
    const operation = entry && operationRecord.decode(entry.value);
    return operation?.attempt === attempt ? operation : undefined;
  }

  #applyResult(operation: Operation, ref: AttemptRef, result: OperationResult): Promise<Changed<unknown>> {
    const { store, clock, settings, random } = this.#ctx;
    const { namespace, sandboxId, snapshotId } = operation;
    const at = clock.now();
    const failure = failureIn(operation, result);
    if (snapshotId === undefined) {
      const context = { ref, at, retry: settings.retry, random: random() };
      return changeSandbox(
        store,
        namespace,
        sandboxId,
        failure === undefined ? { type: 'attempt_succeeded', ref, at } : { type: 'attempt_failed', failure, ...context },
      );
    }
    const context = { ref, at, retry: settings.retry, random: random(), failedRetentionSecs: settings.failedSnapshotRetentionSecs };
    const event: SnapshotEvent =
      failure !== undefined
        ? { type: 'attempt_failed', failure, ...context }
        : result.outcome === 'captured'
          ? { type: 'captured', ref, captured: result.captured, at, upload: false }
          : { type: 'removed', ref };
    return changeSnapshot(store, this.#usage, namespace, snapshotId, event);
  }
}

/** What went wrong according to the result; an answer that does not fit the question counts as a failure too. */
function failureIn({ kind }: Operation, result: OperationResult): Failure | undefined {
  if (result.outcome === 'failed') return result.failure;
  const expected = kind === 'create_snapshot' ? 'captured' : 'done';
  if (result.outcome === expected) return undefined;
  return { reason: 'internal', message: `the executor answered ${kind} with '${result.outcome}' instead of '${expected}'` };
}
