/**
 * Bytes that have come and are not complete yet. They are copied together, however small the pieces: a million pieces of one
 * byte would otherwise take a hundred times their size.
 */
export class ByteQueue {
  #buffer = Buffer.alloc(0);
  #start = 0;
  #end = 0;

  get length(): number {
    return this.#end - this.#start;
  }

  push(bytes: Uint8Array): void {
    if (this.#end + bytes.length > this.#buffer.length) this.#makeRoom(bytes.length);
    this.#buffer.set(bytes, this.#end);
    this.#end += bytes.length;
  }

  /** The oldest `count` bytes, of at most `length`, as the caller's own. */
  take(count: number): Uint8Array {
    const taken = Buffer.from(this.#buffer.subarray(this.#start, this.#start + count));
    this.#start += count;
    if (this.#start === this.#end) {
      this.#start = 0;
      this.#end = 0;
    }
    return taken;
  }

  #makeRoom(more: number): void {
    const kept = this.#buffer.subarray(this.#start, this.#end);
    const needed = kept.length + more;
    const buffer = needed * 2 > this.#buffer.length ? Buffer.allocUnsafe(Math.max(needed * 2, 4096)) : this.#buffer;
    buffer.set(kept, 0);
    this.#buffer = buffer;
    this.#start = 0;
    this.#end = kept.length;
  }
}
