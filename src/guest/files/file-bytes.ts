import type { FileHandle } from 'node:fs/promises';

/** Read at once. Larger blocks gain nothing; smaller ones cost a turn of the thread pool each. */
const BLOCK_BYTES = 512 * 1024;

/**
 * The bytes of a file from `first` on, `length` of them (Infinity: up to its end, wherever that is then).
 * @throws Error when the file ends before: it has been truncated meanwhile.
 */
export async function* fileBytes(handle: FileHandle, first: number, length: number): AsyncGenerator<Buffer, void, undefined> {
  let position = first;
  let left = length;
  while (left > 0) {
    const block = Buffer.allocUnsafeSlow(Math.min(left, BLOCK_BYTES));
    const { bytesRead } = await handle.read(block, 0, block.length, position);
    if (bytesRead === 0) {
      if (length === Number.POSITIVE_INFINITY) return;
      throw new Error(`the file was truncated while it was being read, at byte ${position}`);
    }
    yield bytesRead === block.length ? block : block.subarray(0, bytesRead);
    position += bytesRead;
    left -= bytesRead;
  }
}
