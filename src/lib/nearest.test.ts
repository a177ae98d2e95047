import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { nearest } from './nearest.ts';

const FIELDS = ['image', 'resources', 'timeout_secs', 'ttl_secs', 'labels', 'cpus'];

test.each([
  ['ttl', 'ttl_secs'],
  ['TTL_SECS', 'ttl_secs'],
  ['timeoutSecs', 'timeout_secs'],
  ['lables', 'labels'],
  ['cpu', 'cpus'],
  ['resource', 'resources'],
  ['xyzzy', undefined],
  ['', undefined],
])('%j was meant to be %j', (word, expected) => {
  expect(nearest(word, FIELDS)).toBe(expected);
});

test('a candidate is nearest to itself, and nothing is near where there are no candidates', () => {
  expect(nearest('image', FIELDS)).toBe('image');
  expect(nearest('image', [])).toBeUndefined();
});

test('any word gets a candidate or nothing, however long it is', async () => {
  await fc.assert(
    fc.property(fc.string({ maxLength: 5000, unit: 'binary' }), (word) => {
      expect([...FIELDS, undefined]).toContain(nearest(word, FIELDS));
    }),
  );
});
