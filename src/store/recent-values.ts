import { type Write, writeSizeBytes } from './commit-request.ts';

/**
 * The outcome of the latest writes, by key, in memory: what has just been written is what is read next, on the way of every
 * operation from the API to the executor and back. It saves those reads a round trip to another thread.
 *
 * It says nothing about keys that were not written lately. Bounded; what was written longest ago goes first.
 */
export class RecentValues {
  readonly #maxBytes: number;
  /** In order of writing. A key with the value `undefined` was deleted. */
  readonly #writes = new Map<string, Write>();
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Takes writes up, in order. */
  add(writes: readonly Write[]): void {
    for (const write of writes) {
      this.#remove(write.key);
      this.#writes.set(write.key, write);
      this.#bytes += writeSizeBytes(write);
    }
    for (const key of this.#writes.keys()) {
      if (this.#bytes <= this.#maxBytes) return;
      this.#remove(key);
    }
  }

  /** The values of `keys`, in their order, with `undefined` for deleted ones; nothing when one of them is not known. */
  find(keys: readonly string[]): (Uint8Array | undefined)[] | undefined {
    const found: (Uint8Array | undefined)[] = [];
    for (const key of keys) {
      const write = this.#writes.get(key);
      if (write === undefined) return undefined;
      found.push(write.value);
    }
    return found;
  }

  #remove(key: string): void {
    const write = this.#writes.get(key);
    if (write === undefined) return;
    this.#writes.delete(key);
    this.#bytes -= writeSizeBytes(write);
  }
}
