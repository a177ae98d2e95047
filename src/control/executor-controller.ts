import { KeyedMutex } from '../lib/keyed-mutex.ts';
import type { Executor, ExecutorInfo, ExecutorStatus } from '../model/executor.ts';
import { type ExecutorId, isId, type Namespace, type SnapshotId } from '../model/ids.ts';
import { duePrefix, executorKey, parseTimedKey } from '../store/keys.ts';
import { executorRecord } from '../store/records.ts';
import { changeSandbox, changeSnapshot, retryAborted } from './change.ts';
import type { ControlContext } from './context.ts';
import { scanAll } from './scan-all.ts';
import { readExecutors, sandboxesOn } from './scheduler.ts';

/**
 * Liveness of executors. An executor whose session is down is `offline`, and everything on it is left alone; after the
 * grace period it is `lost`, and what ran on it counts as ended.
 */
export class ExecutorController {
  readonly #ctx: ControlContext;
  readonly #usage: KeyedMutex<Namespace>;
  /** Coming, going and being lost are one after another: who returns while it is declared lost returns after that. */
  readonly #turns = new KeyedMutex<ExecutorId>();
  /** Executors in their grace period. */
  readonly #graces = new Map<ExecutorId, () => void>();
  readonly #losing = new Set<Promise<void>>();
  #closed = false;

  constructor(ctx: ControlContext, usage: KeyedMutex<Namespace>) {
    this.#ctx = ctx;
    this.#usage = usage;
  }

  /**
   * No session is up when the server starts: every executor gets the grace period to come back, counted from now, for
   * it was perhaps the server that was away. Losing that a crash cut short is finished.
   */
  async start(): Promise<void> {
    for (const executor of await readExecutors(this.#ctx.store)) {
      if (executor.status === 'online') await this.#setStatus(executor.id, 'offline');
      if (executor.status === 'lost') this.#lose(executor.id);
      else this.#startGrace(executor.id);
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const cancel of this.#graces.values()) cancel();
    this.#graces.clear();
    await Promise.all(this.#losing);
  }

  /** The session is up. */
  async online(id: ExecutorId, info: ExecutorInfo): Promise<void> {
    this.#graces.get(id)?.();
    this.#graces.delete(id);
    await this.#turns.run(id, () =>
      this.#write(id, (now, before) => ({
        id,
        info,
        status: 'online',
        cordoned: before?.cordoned ?? false,
        firstSeenAt: before?.firstSeenAt ?? now,
        statusChangedAt: now,
      })),
    );
  }

  /** The session is down. */
  async offline(id: ExecutorId): Promise<void> {
    await this.#turns.run(id, () => this.#setStatus(id, 'offline'));
    this.#startGrace(id);
  }

  #startGrace(id: ExecutorId): void {
    if (this.#closed) return;
    this.#graces.get(id)?.();
    const cancel = this.#ctx.clock.schedule(this.#ctx.settings.executorGraceSecs * 1000, () => {
      this.#graces.delete(id);
      this.#lose(id);
    });
    this.#graces.set(id, cancel);
  }

  #lose(id: ExecutorId): void {
    const losing = this.#turns
      .run(id, () => this.#declareLost(id))
      .catch((error) => {
        this.#ctx.log.error({ executorId: id, err: error }, 'declaring an executor lost failed; tries again after another grace period');
        this.#startGrace(id);
      })
      .finally(() => this.#losing.delete(losing));
    this.#losing.add(losing);
  }

  async #declareLost(id: ExecutorId): Promise<void> {
    const { store, clock, settings, random, log } = this.#ctx;
    const executor = await this.#setStatus(id, 'lost');
    if (executor?.status !== 'lost') return;
    const sandboxes = await sandboxesOn(store, id);
    log.warn({ executorId: id, sandboxes: sandboxes.length }, 'executor is lost');
    for (const { namespace, id: sandboxId } of sandboxes) {
      await changeSandbox(store, namespace, sandboxId, { type: 'executor_lost', executorId: id, at: clock.now() });
    }
    for (const { namespace, snapshotId } of await this.#unfinishedSnapshots()) {
      const context = {
        at: clock.now(),
        retry: settings.retry,
        random: random(),
        failedRetentionSecs: settings.failedSnapshotRetentionSecs,
      };
      await changeSnapshot(store, this.#usage, namespace, snapshotId, { type: 'executor_lost', executorId: id, ...context });
    }
  }

  /** Snapshots that something is being done with: those are in the `due/` index, and the others are not. */
  async #unfinishedSnapshots(): Promise<{ namespace: Namespace; snapshotId: SnapshotId }[]> {
    const found: { namespace: Namespace; snapshotId: SnapshotId }[] = [];
    for await (const { key } of scanAll(this.#ctx.store, { prefix: duePrefix, keysOnly: true })) {
      const { namespace, id } = parseTimedKey(key);
      if (isId('snapshot', id)) found.push({ namespace, snapshotId: id });
    }
    return found;
  }

  /** Only one that is offline can be lost: one that is back meanwhile is not. */
  #setStatus(id: ExecutorId, status: Exclude<ExecutorStatus, 'online'>): Promise<Executor | undefined> {
    return this.#write(id, (now, before) => {
      if (before === undefined || before.status === status || (status === 'lost' && before.status === 'online')) return before;
      return { ...before, status, statusChangedAt: now };
    });
  }

  /** Stops, or starts again, placing new sandboxes on it. @returns undefined when there is no such executor. */
  async setCordoned(id: ExecutorId, cordoned: boolean): Promise<Executor | undefined> {
    return await this.#write(id, (_now, before) => before && { ...before, cordoned });
  }

  #write<T extends Executor | undefined>(id: ExecutorId, change: (now: number, before: Executor | undefined) => T): Promise<T> {
    const { store, clock } = this.#ctx;
    return retryAborted(async () => {
      const entry = await store.get(executorKey(id));
      const before = entry && executorRecord.decode(entry.value);
      const after = change(clock.now(), before);
      if (after === undefined || after === before) return after;
      await store.commit({
        checks: [{ key: executorKey(id), revision: entry?.revision }],
        puts: [{ key: executorKey(id), value: executorRecord.encode(after) }],
      });
      return after;
    });
  }
}
