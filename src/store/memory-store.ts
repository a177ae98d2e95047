import { SandglassError } from '../model/errors.ts';
import type { BacklogLimits } from './backlog.ts';
import { changesOf } from './commit-queue.ts';
import { failedCheck, sealCommit } from './commit-request.ts';
import { assertKey } from './key-rules.ts';
import { scanRange } from './scan-range.ts';
import type { Change, CommitRequest, Entry, Revision, ScanRequest, Store } from './store.ts';
import { WatchHub, type WatchRequest } from './watch-hub.ts';

const EMPTY = new Uint8Array(0);

/** A store that lives as long as its process: for tests, held to the same contract as the real ones. */
export class MemoryStore implements Store {
  readonly #entries = new Map<string, Entry>();
  /** The keys of `#entries`, in order. */
  readonly #keys: string[] = [];
  readonly #hub: WatchHub;
  #revision: Revision = 0;
  #closed = false;

  constructor(options: { readonly watchLimits?: BacklogLimits } = {}) {
    this.#hub = new WatchHub(0, options.watchLimits);
  }

  async get(key: string): Promise<Entry | undefined> {
    return (await this.getMany([key]))[0];
  }

  async getMany(keys: readonly string[]): Promise<readonly (Entry | undefined)[]> {
    this.#assertOpen();
    return keys.map((key) => {
      assertKey(key);
      return this.#entries.get(key);
    });
  }

  async scan(request: ScanRequest): Promise<readonly Entry[]> {
    this.#assertOpen();
    const { from, to } = scanRange(request);
    const [start, end] = [this.#indexOf(from), this.#indexOf(to)];
    const keys = request.reverse
      ? this.#keys.slice(Math.max(start, end - request.limit), Math.max(start, end)).reverse()
      : this.#keys.slice(start, Math.min(end, start + request.limit));
    const entries = keys.map((key) => this.#entries.get(key) as Entry);
    return request.keysOnly ? entries.map((entry) => ({ ...entry, value: EMPTY })) : entries;
  }

  async commit(request: CommitRequest): Promise<Revision> {
    this.#assertOpen();
    const commit = sealCommit(request);
    const aborted = failedCheck(commit.checks, (key) => this.#entries.get(key)?.revision);
    if (aborted !== undefined) throw aborted;
    if (commit.writes.length === 0) return this.#revision;
    this.#revision += 1;
    const changes = changesOf(commit, this.#revision);
    for (const change of changes) this.#apply(change);
    this.#hub.publish(changes);
    return this.#revision;
  }

  watch(request: WatchRequest): AsyncIterable<readonly Change[]> {
    this.#assertOpen();
    return this.#hub.watch(request);
  }

  revision(): Revision {
    this.#assertOpen();
    return this.#revision;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#hub.close();
  }

  #apply({ key, value, revision }: Change): void {
    const exists = this.#entries.has(key);
    if (value === undefined) {
      if (exists) this.#keys.splice(this.#indexOf(key), 1);
      this.#entries.delete(key);
    } else {
      if (!exists) this.#keys.splice(this.#indexOf(key), 0, key);
      this.#entries.set(key, { key, value, revision });
    }
  }

  /** Index of the first key at or after `key`. Keys are ASCII, so that the order of strings is that of bytes. */
  #indexOf(key: string): number {
    let low = 0;
    let high = this.#keys.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#keys[middle] as string) < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #assertOpen(): void {
    if (this.#closed) throw new SandglassError('store_closed', 'the store is closed');
  }
}
