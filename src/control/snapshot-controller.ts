import type { KeyedMutex } from '../lib/keyed-mutex.ts';
import type { Namespace, SnapshotId } from '../model/ids.ts';
import { type Snapshot, snapshotDueAt } from '../model/snapshot.ts';
import type { SnapshotEvent } from '../model/snapshot-lifecycle.ts';
import { snapshotKey } from '../store/keys.ts';
import { snapshotRecord } from '../store/records.ts';
import { changeSnapshot } from './change.ts';
import type { ControlContext } from './context.ts';
import { newOperation } from './operations.ts';
import { isLost } from './scheduler.ts';

/** Brings snapshots a step further: tries captures and removals again, and acts on deadlines. The first attempt is the command's. */
export class SnapshotController {
  readonly #ctx: ControlContext;
  readonly #usage: KeyedMutex<Namespace>;

  constructor(ctx: ControlContext, usage: KeyedMutex<Namespace>) {
    this.#ctx = ctx;
    this.#usage = usage;
  }

  /** One step for one snapshot. @returns when to look again, for one whose time has not come yet. */
  async reconcile(ns: Namespace, id: SnapshotId): Promise<number | undefined> {
    const entry = await this.#ctx.store.get(snapshotKey(ns, id));
    if (entry === undefined) return undefined;
    const snapshot = snapshotRecord.decode(entry.value);
    const dueAt = snapshotDueAt(snapshot);
    if (dueAt === undefined) return undefined;
    const now = this.#ctx.clock.now();
    if (dueAt > now) return dueAt;
    await changeSnapshot(this.#ctx.store, this.#usage, ns, id, await this.#nextStep(snapshot, now));
    return undefined;
  }

  async #nextStep(snapshot: Snapshot, at: number): Promise<SnapshotEvent> {
    const { retry, failedSnapshotRetentionSecs: failedRetentionSecs } = this.#ctx.settings;
    const context = { at, retry, random: this.#ctx.random(), failedRetentionSecs };
    const executorId = snapshot.availableOn[0] ?? snapshot.executorId;
    if (await isLost(this.#ctx.store, executorId)) return { type: 'executor_lost', executorId, ...context };
    if (snapshot.operation !== undefined) return { type: 'due', ...context };
    const kind = snapshot.status === 'deleting' ? 'delete_snapshot' : 'create_snapshot';
    return { type: 'attempt_started', operation: newOperation(this.#ctx, kind, executorId, snapshot.attempt + 1) };
  }
}
