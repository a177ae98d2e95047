import type { Encoding } from '../schemas/exec.ts';

/** Collects one stream of a command up to a limit; what comes after is dropped, so that the command can go on. */
export class OutputBuffer {
  readonly #limit: number;
  readonly #chunks: Uint8Array[] = [];
  #size = 0;
  #truncated = false;

  constructor(limitBytes: number) {
    this.#limit = limitBytes;
  }

  get truncated(): boolean {
    return this.#truncated;
  }

  add(chunk: Uint8Array): void {
    const room = this.#limit - this.#size;
    if (chunk.length > room) this.#truncated = true;
    if (room === 0) return;
    const kept = chunk.subarray(0, room);
    this.#chunks.push(kept);
    this.#size += kept.length;
  }

  /** What was kept. In `utf8` a character that the limit cut in two is left out. */
  toString(encoding: Encoding): string {
    const bytes = Buffer.concat(this.#chunks);
    if (encoding === 'base64') return bytes.toString('base64');
    // With `stream`, an incomplete character at the end is kept back instead of replaced.
    return new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes, { stream: this.#truncated });
  }
}
