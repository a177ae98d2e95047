import type { FileHandle } from 'node:fs/promises';

/** Written at once: enough that the calls do not count, little enough that memory does not. */
const BATCH_BYTES = 512 * 1024;

/**
 * Writes all of `source` at the file's current position. One batch is collected while the one before is being written; so at most two
 * are in memory, and the source is not read faster than the disk takes it.
 * @throws Error as write(2), or as the source does.
 */
export async function writeAll(handle: FileHandle, source: AsyncIterable<Buffer>): Promise<void> {
  let batch: Buffer[] = [];
  let length = 0;
  let writing: Promise<void> = Promise.resolve();
  try {
    for await (const chunk of source) {
      batch.push(chunk);
      length += chunk.length;
      if (length < BATCH_BYTES) continue;
      await writing;
      writing = writeBatch(handle, batch);
      writing.catch(() => {}); // it is told where it is awaited
      batch = [];
      length = 0;
    }
  } finally {
    await writing;
  }
  if (length > 0) await writeBatch(handle, batch);
}

/** The kernel may take less than all, as it does before it says that the disk is full. */
async function writeBatch(handle: FileHandle, batch: readonly Buffer[]): Promise<void> {
  const { bytesWritten } = await handle.writev(batch);
  if (bytesWritten === batch.reduce((sum, { length }) => sum + length, 0)) return;
  let rest = Buffer.concat(batch).subarray(bytesWritten);
  while (rest.length > 0) rest = rest.subarray((await handle.write(rest)).bytesWritten);
}
