import type { BackoffPolicy } from '../lib/backoff.ts';
import type { KeyedMutex } from '../lib/keyed-mutex.ts';
import type { Namespace, SandboxId, SnapshotId } from '../model/ids.ts';
import { executorPrefix, executorSandboxIndexes, snapshotIndexes } from '../store/keys.ts';
import type { ControlContext } from './context.ts';
import { DueTimer } from './due-timer.ts';
import type { ExecutorController } from './executor-controller.ts';
import { Expiry } from './expiry.ts';
import { follow } from './follow.ts';
import { SandboxController } from './sandbox-controller.ts';
import { SnapshotController } from './snapshot-controller.ts';
import { WorkQueue } from './work-queue.ts';

/** For objects whose controller threw, such as for a store that is closing or full. */
const BACKOFF: BackoffPolicy = { baseMs: 100, maxMs: 30_000 };
const CONCURRENCY = 16;

/**
 * Runs the controllers: the due timer says which objects need attention, one queue for each kind has them worked on one
 * step at a time, and sandboxes that wait for something are looked at again whenever what it may be has changed.
 */
export class Controllers {
  readonly #ctx: ControlContext;
  readonly #sandboxes: SandboxController;
  readonly #executors: ExecutorController;
  readonly #sandboxQueue: WorkQueue;
  readonly #snapshotQueue: WorkQueue;
  readonly #due: DueTimer;
  readonly #expiry: Expiry;
  readonly #abort = new AbortController();
  #following: Promise<void>[] = [];

  constructor(ctx: ControlContext, usage: KeyedMutex<Namespace>, executors: ExecutorController) {
    this.#ctx = ctx;
    this.#executors = executors;
    this.#sandboxes = new SandboxController(ctx, usage);
    const snapshots = new SnapshotController(ctx, usage);
    this.#sandboxQueue = this.#queue('sandboxes', (ns, id) => this.#sandboxes.reconcile(ns, id as SandboxId));
    this.#snapshotQueue = this.#queue('snapshots', (ns, id) => snapshots.reconcile(ns, id as SnapshotId));
    this.#due = new DueTimer({
      ...ctx,
      onDue: ({ kind, namespace, id }) => (kind === 'sb' ? this.#sandboxQueue : this.#snapshotQueue).add(`${namespace}/${id}`),
    });
    this.#expiry = new Expiry(ctx, usage);
  }

  async start(): Promise<void> {
    await this.#executors.start();
    this.#due.start();
    this.#expiry.start();
    this.#following = [
      // Room: a sandbox has left an executor.
      this.#onChange(executorSandboxIndexes, (_key, isPut) => !isPut),
      // Executors: one has connected, or is uncordoned.
      this.#onChange(executorPrefix, (_key, isPut) => isPut),
      // Snapshots: one that is waited for, by a fork or by a timeout, has become active, or never will.
      this.#onChange(snapshotIndexes, (key, isPut) => isPut && /\/status\/(active|failed|deleting)\//.test(key)),
    ];
  }

  async close(): Promise<void> {
    this.#abort.abort();
    await Promise.all([
      this.#due.close(),
      this.#expiry.close(),
      this.#executors.close(),
      this.#sandboxQueue.close(),
      this.#snapshotQueue.close(),
      ...this.#following,
    ]);
  }

  #queue(name: string, reconcile: (ns: Namespace, id: string) => Promise<number | undefined>): WorkQueue {
    const { clock, random, log, metrics } = this.#ctx;
    const queue = new WorkQueue({
      name,
      concurrency: CONCURRENCY,
      backoff: BACKOFF,
      clock,
      random,
      log,
      onDepth: (depth) => metrics.queueDepth(name, depth),
      process: async (key) => {
        const [ns, id] = key.split('/') as [Namespace, string];
        const lookAgainAt = await reconcile(ns, id);
        if (lookAgainAt !== undefined) queue.addLater(key, lookAgainAt - clock.now());
      },
    });
    return queue;
  }

  async #onChange(prefix: string, isNews: (key: string, isPut: boolean) => boolean): Promise<void> {
    await follow({
      ...this.#ctx,
      prefix,
      signal: this.#abort.signal,
      onChange: ({ key, value }) => {
        if (isNews(key, value !== undefined)) this.#wakePostponed();
      },
    });
  }

  #wakePostponed(): void {
    for (const key of this.#sandboxes.postponed()) this.#sandboxQueue.add(key);
  }
}
