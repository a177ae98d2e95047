import { assert } from '../lib/assert.ts';
import { SandglassError } from '../model/errors.ts';
import { assertKey, assertValue } from './key-rules.ts';
import type { Check, CommitRequest, Revision } from './store.ts';

/** A put, or with `undefined` a deletion. */
export interface Write {
  readonly key: string;
  readonly value: Uint8Array | undefined;
}

/** A commit as an adapter takes it: valid, and with buffers of its own, so that the caller may reuse its. */
export interface SealedCommit {
  readonly checks: readonly Check[];
  readonly writes: readonly Write[];
  /** What it occupies in memory, roughly. */
  readonly sizeBytes: number;
}

/** Bytes that a write occupies beside its key and value, roughly. */
const WRITE_OVERHEAD_BYTES = 64;

/** What a write occupies in memory, roughly. */
export function writeSizeBytes({ key, value }: Write): number {
  return WRITE_OVERHEAD_BYTES + key.length + (value?.byteLength ?? 0);
}

/** Asserts that a commit keeps to the rules of the port, and takes it. */
export function sealCommit({ checks = [], puts = [], deletes = [] }: CommitRequest): SealedCommit {
  const writes: Write[] = [];
  for (const { key, value } of puts) {
    assertValue(key, value);
    writes.push({ key, value: new Uint8Array(value) });
  }
  for (const key of deletes) writes.push({ key, value: undefined });

  const seen = new Set<string>();
  for (const { key } of writes) {
    assertKey(key);
    assert(!seen.has(key), `key ${key} occurs twice in one commit`);
    seen.add(key);
  }
  for (const { key } of checks) assertKey(key);
  const sizeBytes = writes.reduce((sum, write) => sum + writeSizeBytes(write), checks.length * WRITE_OVERHEAD_BYTES);
  return { checks: [...checks], writes, sizeBytes };
}

/** The `aborted` error of the first check that does not hold against `revisionOf`; `undefined` when all do. */
export function failedCheck(checks: readonly Check[], revisionOf: (key: string) => Revision | undefined): SandglassError | undefined {
  const failed = checks.find(({ key, revision }) => revisionOf(key) !== revision);
  return failed && new SandglassError('aborted', `${failed.key} was changed at the same time by somebody else; try again`);
}
