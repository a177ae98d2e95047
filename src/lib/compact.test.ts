import { expect, test } from 'vitest';
import { compact } from './compact.ts';

test('what is undefined is left out; null, false, zero and empty stay', () => {
  const compacted = compact({ a: undefined, b: null, c: false, d: 0, e: '' });
  expect(Object.keys(compacted)).toEqual(['b', 'c', 'd', 'e']);
});
