import { writeSizeBytes } from './commit-request.ts';
import type { Change, Revision } from './store.ts';

/** How much a backlog may hold. */
export interface BacklogLimits {
  readonly changes: number;
  /** Bytes in memory. */
  readonly bytes: number;
}

/** The changes of one commit, or those of them below a prefix; never empty. */
export type Batch = readonly [Change, ...Change[]];

/** Batches in the order of their commits, with a count of what they hold. The values are shared, not copied. */
export class Backlog {
  readonly #limits: BacklogLimits;
  #batches: Batch[] = [];
  /** Index of the first batch that has not been taken: taking one is cheap, and room is reclaimed by halves. */
  #head = 0;
  #changes = 0;
  #bytes = 0;

  constructor(limits: BacklogLimits) {
    this.#limits = limits;
  }

  get isEmpty(): boolean {
    return this.#head === this.#batches.length;
  }

  /** True when it holds more than it may. One batch alone may be of any size. */
  get isOverfull(): boolean {
    return this.#batches.length - this.#head > 1 && (this.#changes > this.#limits.changes || this.#bytes > this.#limits.bytes);
  }

  push(batch: Batch): void {
    this.#batches.push(batch);
    this.#changes += batch.length;
    this.#bytes += sizeBytes(batch);
  }

  /** Takes the oldest batch. */
  shift(): Batch | undefined {
    const batch = this.#batches[this.#head];
    if (batch === undefined) return undefined;
    this.#head += 1;
    this.#changes -= batch.length;
    this.#bytes -= sizeBytes(batch);
    if (this.#head * 2 >= this.#batches.length) {
      this.#batches = this.#batches.slice(this.#head);
      this.#head = 0;
    }
    return batch;
  }

  /** The batches of commits after `revision`. */
  *after(revision: Revision): Generator<Batch> {
    for (let index = this.#firstAfter(revision); index < this.#batches.length; index++) {
      yield this.#batches[index] as Batch;
    }
  }

  #firstAfter(revision: Revision): number {
    let low = this.#head;
    let high = this.#batches.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#batches[middle] as Batch)[0].revision > revision) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}

function sizeBytes(batch: Batch): number {
  return batch.reduce((sum, change) => sum + writeSizeBytes(change), 0);
}
