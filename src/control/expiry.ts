import type { KeyedMutex } from '../lib/keyed-mutex.ts';
import type { Namespace, SandboxId, SnapshotId } from '../model/ids.ts';
import { endedPrefix, expiryPrefix, idempotencyKey, parseTimedKey, timeBound } from '../store/keys.ts';
import { changeSandbox, changeSnapshot } from './change.ts';
import type { ControlContext } from './context.ts';
import { scanAll } from './scan-all.ts';

/** What one round of cleanup found. */
export interface CleanupRound {
  readonly expiredSnapshots: number;
  readonly forgottenSandboxes: number;
  readonly forgottenAnswers: number;
}

/**
 * Cleans up what has had its time: snapshots past their TTL (and failed ones past their retention) are deleted, records of
 * terminated sandboxes and idempotent answers are forgotten. It reads the time-ordered indexes up to now: what has
 * not expired costs nothing. Runs at start, then once per interval.
 */
export class Expiry {
  readonly #ctx: ControlContext;
  readonly #usage: KeyedMutex<Namespace>;
  #cancel: (() => void) | undefined;
  #round: Promise<unknown> = Promise.resolve();
  #closed = false;

  constructor(ctx: ControlContext, usage: KeyedMutex<Namespace>) {
    this.#ctx = ctx;
    this.#usage = usage;
  }

  start(): void {
    this.#round = this.#round.then(() => this.#runAndReschedule());
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#cancel?.();
    await this.#round;
  }

  async #runAndReschedule(): Promise<void> {
    try {
      const round = await this.run();
      if (Object.values(round).some((count) => count > 0)) this.#ctx.log.info(round, 'cleaned up what had expired');
    } catch (error) {
      if (!this.#closed) this.#ctx.log.error({ err: error }, 'cleanup failed; the next round tries again');
    }
    if (this.#closed) return;
    this.#cancel = this.#ctx.clock.schedule(this.#ctx.settings.snapshotCleanupIntervalSecs * 1000, () => this.start());
  }

  /** One round, now. */
  async run(): Promise<CleanupRound> {
    const now = this.#ctx.clock.now();
    const counts = { expiredSnapshots: 0, forgottenSandboxes: 0, forgottenAnswers: 0 };
    for await (const { kind, namespace, id, key } of this.#upTo(expiryPrefix, now)) {
      if (kind === 'snap') {
        await changeSnapshot(this.#ctx.store, this.#usage, namespace, id as SnapshotId, { type: 'expired', at: now });
        counts.expiredSnapshots++;
      } else {
        await this.#ctx.store.commit({ deletes: [key, idempotencyKey(namespace, id)] });
        counts.forgottenAnswers++;
      }
    }
    const retentionMs = this.#ctx.settings.terminatedSandboxRetentionSecs * 1000;
    for await (const { namespace, id } of this.#upTo(endedPrefix, now - retentionMs)) {
      await changeSandbox(this.#ctx.store, namespace, id as SandboxId, { type: 'retention_passed' });
      counts.forgottenSandboxes++;
    }
    return counts;
  }

  /** Entries with times up to `at`. Dealing with an entry removes it, or moves it out of the range. */
  async *#upTo(prefix: string, at: number) {
    for await (const { key } of scanAll(this.#ctx.store, { prefix, before: timeBound(prefix, at), keysOnly: true })) {
      if (this.#closed) return;
      yield { key, ...parseTimedKey(key) };
    }
  }
}
