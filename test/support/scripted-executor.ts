import type { ExecutorGateway, OperationFeed } from '../../src/control/executor-gateway.ts';
import type { ExecutorInfo } from '../../src/model/executor.ts';
import type { ExecutorId, OperationId } from '../../src/model/ids.ts';
import type { Instruction, OperationResult } from '../../src/model/instruction.ts';
import type { Discards, ReportedSandbox, ReportedSnapshot } from '../../src/model/inventory.ts';
import type { OperationKind } from '../../src/model/operation.ts';

export const CAPTURED: OperationResult = {
  outcome: 'captured',
  captured: { digest: `sha256:${'ab'.repeat(32)}`, sizeBytes: 4096, layerCount: 2, freezeMs: 30, captureMs: 90 },
};

/** An executor without a network or an engine: a test reads what it is told to do, and says how that went. */
export class ScriptedExecutor {
  readonly id: ExecutorId;
  readonly info: ExecutorInfo;
  readonly received: Instruction[] = [];
  readonly cancelled: OperationId[] = [];
  discards: Discards | undefined;
  sandboxes: ReportedSandbox[] = [];
  snapshots: ReportedSnapshot[] = [];
  /** Whether it connects again when the server restarts. */
  reconnects = true;
  /** Whether it answers every instruction at once with success. */
  auto: boolean;
  #gateway: ExecutorGateway | undefined;
  #abort = new AbortController();
  #waiters: (() => void)[] = [];

  constructor(id: ExecutorId, info: ExecutorInfo, auto: boolean) {
    this.id = id;
    this.info = info;
    this.auto = auto;
  }

  async connect(gateway: ExecutorGateway): Promise<void> {
    this.#gateway = gateway;
    this.#abort = new AbortController();
    this.discards = await gateway.connected(this.id, this.info, { sandboxes: this.sandboxes, snapshots: this.snapshots });
    void this.#listen(gateway.operations(this.id, this.#abort.signal));
  }

  /** The connection breaks; the server has not noticed. */
  drop(): void {
    this.#abort.abort();
  }

  async disconnect(): Promise<void> {
    this.drop();
    await this.#gateway?.disconnected(this.id);
  }

  async #listen(feed: AsyncIterable<OperationFeed>): Promise<void> {
    for await (const item of feed) {
      if ('cancelled' in item) this.cancelled.push(item.cancelled);
      else {
        this.received.push(item.issued);
        if (this.auto) await this.answer(item.issued);
      }
      for (const wake of this.#waiters.splice(0)) wake();
    }
  }

  /** The latest instruction of `kind`, as soon as there are at least `count` of them. */
  async instruction(kind: OperationKind, count = 1): Promise<Instruction> {
    const deadline = AbortSignal.timeout(5000);
    for (;;) {
      const found = this.received.filter((instruction) => instruction.kind === kind);
      if (found.length >= count) return found.at(-1) as Instruction;
      await this.#news(deadline, () => `${kind} number ${count}; it has received ${this.received.map((one) => one.kind).join(', ')}`);
    }
  }

  async cancellation(id: OperationId): Promise<void> {
    const deadline = AbortSignal.timeout(5000);
    while (!this.cancelled.includes(id)) await this.#news(deadline, () => `cancellation of ${id}`);
  }

  #news(deadline: AbortSignal, what: () => string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiters.push(resolve);
      deadline.addEventListener('abort', () => reject(new Error(`the executor was never told: ${what()}`)), { once: true });
    });
  }

  /** Reports how an instruction went: well, unless told otherwise. */
  async answer(instruction: Instruction, result: OperationResult = successOf(instruction)): Promise<void> {
    await this.#gateway?.result(this.id, { operationId: instruction.id, attempt: instruction.attempt }, result);
  }

  async fail(instruction: Instruction, message = 'the engine says no', reason: 'engine_error' | 'image_not_found' = 'engine_error') {
    await this.answer(instruction, { outcome: 'failed', failure: { reason, message } });
  }
}

function successOf({ kind }: Instruction): OperationResult {
  return kind === 'create_snapshot' ? CAPTURED : { outcome: 'done' };
}
