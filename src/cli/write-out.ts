import { once } from 'node:events';
import type { OutputStream } from './cli.ts';

/**
 * Writes bytes as they are, and resolves when more can be written: a slow reader slows the sender down instead of filling memory here.
 * @throws the signal's reason.
 */
export async function writeOut(stream: OutputStream, bytes: Uint8Array, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  if (stream.write(bytes)) return;
  try {
    await once(stream as NodeJS.EventEmitter, 'drain', { signal });
  } catch (thrown) {
    throw signal.aborted ? signal.reason : thrown;
  }
}
