/** The same as the server keeps of a command's output. */
const MAX_BYTES = 8 * 1024 * 1024;

/** What a process printed, for one document: the first 8 MiB. */
export class CollectedOutput {
  readonly #chunks: Uint8Array[] = [];
  #size = 0;
  #truncated = false;

  add(bytes: Uint8Array): void {
    const room = MAX_BYTES - this.#size;
    if (bytes.length > room) this.#truncated = true;
    const kept = bytes.subarray(0, room);
    this.#chunks.push(kept);
    this.#size += kept.length;
  }

  get truncated(): boolean {
    return this.#truncated;
  }

  /** What is no UTF-8 becomes U+FFFD. */
  text(): string {
    return Buffer.concat(this.#chunks).toString();
  }
}
