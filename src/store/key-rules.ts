import { assert } from '../lib/assert.ts';

/** Longest key, in characters, which are bytes. */
const MAX_KEY_LENGTH = 1024;
/** Longest value. */
const MAX_VALUE_BYTES = 4 * 1024 * 1024;

/** Sorts after everything that a key can go on with: the first character past printable ASCII. */
export const KEY_END = '\x7f';
/** Sorts at or before every key: the first printable character. What an adapter keeps for itself sorts before it. */
export const KEY_START = ' ';

const KEY = new RegExp(`^[ -~]{1,${MAX_KEY_LENGTH}}$`);
const PREFIX = new RegExp(`^[ -~]{0,${MAX_KEY_LENGTH}}$`);

/** Asserts that `key` can be stored. Keys are made by `keys.ts`, so that a malformed one is a mistake of ours. */
export function assertKey(key: string): void {
  assert(KEY.test(key), `a key is 1-${MAX_KEY_LENGTH} characters of printable ASCII, not ${JSON.stringify(key.slice(0, 80))}`);
}

/** Likewise for the prefix of a scan or watch, which may be empty. */
export function assertPrefix(prefix: string): void {
  assert(PREFIX.test(prefix), `a prefix is printable ASCII, not ${JSON.stringify(prefix.slice(0, 80))}`);
}

/** Asserts that `value` can be stored under `key`. */
export function assertValue(key: string, value: Uint8Array): void {
  assert(value.byteLength <= MAX_VALUE_BYTES, `the value of ${key} has ${value.byteLength} bytes, more than ${MAX_VALUE_BYTES}`);
}
