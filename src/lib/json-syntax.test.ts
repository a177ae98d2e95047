import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { findMalformedText, jsonErrorPosition } from './json-syntax.ts';

test.each([
  ['', 0],
  ['{', 1],
  ['hello', 0],
  ['{"a":x}', 5],
  ['{"a":1,}', 7],
  ["{'a':1}", 1],
  ['{"a":1 "b":2}', 7],
  ['{"a":1}}', 7],
  ['{"a":tru}', 8],
  ['{"a":"\\q"}', 7],
  ['"\u0001"', 1],
  ['[1,2', 4],
  ['1.', 2],
])('%j stops being JSON at %d', (text, position) => {
  expect(jsonErrorPosition(text)).toBe(position);
});

test('what comes after a mistake does not move it', async () => {
  await fc.assert(
    fc.property(fc.json(), fc.string(), (json, rest) => {
      const broken = `${json}\u0001`;
      expect(jsonErrorPosition(broken + rest)).toBe(jsonErrorPosition(broken));
    }),
  );
});

test('long texts are not searched', () => {
  expect(jsonErrorPosition(`${'['.repeat(100_000)}`)).toBeUndefined();
});

test('half a surrogate pair is found in keys and values, however deep', () => {
  expect(findMalformedText({ a: [{ b: 'x\ud800' }] })).toBe('x\ud800');
  expect(findMalformedText({ '\udc00': 1 })).toBe('\udc00');
  expect(findMalformedText({ a: ['😀', 1, null, { b: true }] })).toBeUndefined();
  let deep: unknown = '\ud800';
  for (let i = 0; i < 100_000; i++) deep = [deep];
  expect(findMalformedText(deep)).toBe('\ud800');
});
