import { SandglassError } from '../model/errors.ts';
import type { Revision } from './store.ts';

/** Bytes of the revision that stands before each value: big-endian, unsigned. */
const REVISION_BYTES = 8;

/** A value as it is on disk: its revision, then the value itself. */
export function encodeStored(value: Uint8Array, revision: Revision): Buffer {
  const stored = Buffer.allocUnsafe(REVISION_BYTES + value.byteLength);
  stored.writeBigUInt64BE(BigInt(revision));
  stored.set(value, REVISION_BYTES);
  return stored;
}

/** The parts of a value on disk; the value shares its memory. @throws SandglassError `store_corrupt` when it is too short. */
export function decodeStored(stored: Buffer): { readonly value: Uint8Array; readonly revision: Revision } {
  if (stored.byteLength < REVISION_BYTES) {
    throw new SandglassError('store_corrupt', 'an entry of the store has no revision; restore the store from a backup');
  }
  return { value: stored.subarray(REVISION_BYTES), revision: Number(stored.readBigUInt64BE()) };
}
