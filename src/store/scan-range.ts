import { assert } from '../lib/assert.ts';
import { assertPrefix, KEY_END, KEY_START } from './key-rules.ts';
import type { ScanRequest } from './store.ts';

/** Keys from `from` (included) to `to` (not included), in byte order; none when `from` is not before `to`. */
export interface KeyRange {
  readonly from: string;
  readonly to: string;
}

/** The keys that a scan may return, whatever its direction and limit. */
export function scanRange({ prefix, after, before, limit, reverse }: ScanRequest): KeyRange {
  assertPrefix(prefix);
  assert(Number.isInteger(limit) && limit >= 1, `a scan's limit is an integer of at least 1, not ${limit}`);
  for (const bound of [after, before]) {
    assert(bound === undefined || bound.startsWith(prefix), `the scan's bound ${bound} does not begin with its prefix ${prefix}`);
  }
  // Nothing sorts between a key and the same key with a zero byte after it.
  const start = after !== undefined && !reverse ? `${after}\0` : prefix;
  const from = start < KEY_START ? KEY_START : start;
  const ends = [`${prefix}${KEY_END}`, before, reverse ? after : undefined].filter((end) => end !== undefined);
  return { from, to: ends.reduce((least, end) => (end < least ? end : least)) };
}
