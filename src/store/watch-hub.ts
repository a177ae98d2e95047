import { assert } from '../lib/assert.ts';
import { SandglassError } from '../model/errors.ts';
import { Backlog, type BacklogLimits, type Batch } from './backlog.ts';
import { assertPrefix } from './key-rules.ts';
import { PrefixIndex } from './prefix-index.ts';
import type { Change, Revision } from './store.ts';

/** Enough for several seconds of the fastest writing that has been measured, and for minutes of ordinary life. */
const DEFAULT_LIMITS: BacklogLimits = { changes: 16_384, bytes: 16 * 1024 * 1024 };

export interface WatchRequest {
  readonly prefix: string;
  readonly after: Revision;
  readonly signal: AbortSignal;
}

/**
 * Hands the changes of commits to those who watch. It keeps the latest ones, so that a watch can begin a little in the
 * past; each watch has a backlog of its own, bounded likewise, so that a slow reader costs others nothing: it is told
 * `compacted`, and scans again.
 */
export class WatchHub {
  readonly #limits: BacklogLimits;
  readonly #history: Backlog;
  readonly #watches = new PrefixIndex<Watch>();
  /** The changes of every commit after this one, up to `#latest`, are in the history. */
  #horizon: Revision;
  #latest: Revision;
  #closed = false;

  /** @param revision of the latest commit; what was before it is not known. */
  constructor(revision: Revision, limits: BacklogLimits = DEFAULT_LIMITS) {
    this.#limits = limits;
    this.#history = new Backlog(limits);
    this.#horizon = revision;
    this.#latest = revision;
  }

  /** Takes the changes of the next commit, at least one. */
  publish(changes: readonly Change[]): void {
    assert(isBatch(changes), 'a published commit has changes');
    this.#latest = changes[0].revision;
    this.#history.push(changes);
    while (this.#history.isOverfull) this.#horizon = this.#history.shift()?.[0].revision ?? this.#horizon;
    for (const [watch, matching] of this.#match(changes)) watch.push(matching);
  }

  /** As the port's `watch`. */
  async *watch({ prefix, after, signal }: WatchRequest): AsyncGenerator<readonly Change[]> {
    assertPrefix(prefix);
    if (this.#closed || signal.aborted) return;
    if (after < this.#horizon || after > this.#latest) throw compacted();

    const watch = new Watch(this.#limits);
    for (const changes of this.#history.after(after)) {
      const matching = changes.filter(({ key }) => key.startsWith(prefix));
      if (isBatch(matching)) watch.push(matching);
    }
    this.#watches.add(prefix, watch);
    const onAbort = () => watch.abort();
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      for (let batch = await watch.next(); batch !== undefined; batch = await watch.next()) yield batch;
    } finally {
      signal.removeEventListener('abort', onAbort);
      this.#watches.delete(prefix, watch);
    }
  }

  /** Ends every watch, once its reader has had what was published before. */
  close(): void {
    this.#closed = true;
    for (const watch of this.#watches.values()) watch.end();
  }

  #match(changes: readonly Change[]): Map<Watch, [Change, ...Change[]]> {
    const matches = new Map<Watch, [Change, ...Change[]]>();
    for (const change of changes) {
      for (const watch of this.#watches.matching(change.key)) {
        const matching = matches.get(watch);
        if (matching === undefined) matches.set(watch, [change]);
        else matching.push(change);
      }
    }
    return matches;
  }
}

function isBatch(changes: readonly Change[]): changes is Batch {
  return changes.length > 0;
}

function compacted(): SandglassError {
  return new SandglassError('compacted', 'the changes since then are not known any more; read the present state and watch from there');
}

/** One reader's place in the stream of changes. */
class Watch {
  readonly #limits: BacklogLimits;
  #backlog: Backlog;
  #state: 'open' | 'overflown' | 'ended' = 'open';
  /** Wakes the reader that waits in `next`. */
  #wake: (() => void) | undefined;

  constructor(limits: BacklogLimits) {
    this.#limits = limits;
    this.#backlog = new Backlog(limits);
  }

  push(batch: Batch): void {
    if (this.#state !== 'open') return;
    this.#backlog.push(batch);
    if (this.#backlog.isOverfull) this.#stop('overflown');
    this.#wake?.();
  }

  /** No more changes come; those in the backlog are still read. */
  end(): void {
    if (this.#state === 'open') this.#state = 'ended';
    this.#wake?.();
  }

  /** The reader wants no more. */
  abort(): void {
    this.#stop('ended');
    this.#wake?.();
  }

  /** The next batch; `undefined` at the end. @throws SandglassError `compacted` after the backlog ran over. */
  async next(): Promise<Batch | undefined> {
    while (this.#backlog.isEmpty && this.#state === 'open') {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = undefined;
    }
    if (this.#state === 'overflown') throw compacted();
    return this.#backlog.shift();
  }

  #stop(state: 'overflown' | 'ended'): void {
    this.#state = state;
    this.#backlog = new Backlog(this.#limits);
  }
}
