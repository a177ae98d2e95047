/**
 * Where an archive comes from. It sees whether it ends as one does, with two blocks of zeros: a connection that is cut between two entries
 * shows by that alone.
 */
export class ArchiveSource {
  /** Why it could not be read on. */
  failure: unknown;
  readonly #archive: AsyncIterable<Uint8Array>;
  #zeros = 0;

  constructor(archive: AsyncIterable<Uint8Array>) {
    this.#archive = archive;
  }

  get isComplete(): boolean {
    return this.#zeros >= 1024;
  }

  async *chunks(): AsyncGenerator<Uint8Array, void> {
    try {
      for await (const chunk of this.#archive) {
        this.#zeros = countZeros(this.#zeros, chunk);
        yield chunk;
      }
    } catch (error) {
      this.failure = error;
      throw error;
    }
  }
}

/** Zeros at the end of what ends in `before` zeros and then `chunk`, as far as they matter. */
function countZeros(before: number, chunk: Uint8Array): number {
  let zeros = 0;
  while (zeros < chunk.length && zeros < 1024 && chunk[chunk.length - 1 - zeros] === 0) zeros++;
  return zeros === chunk.length ? before + zeros : zeros;
}
