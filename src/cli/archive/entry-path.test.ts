import { describe, expect, test } from 'vitest';
import { entrySegments, staysWithin } from './entry-path.ts';

describe('entrySegments', () => {
  test.each([
    ['a/b', ['a', 'b']],
    ['./a//b/', ['a', 'b']],
    ['./', []],
    ['a b\n\u001b[31m/…', ['a b\n\u001b[31m', '…']],
    ['..a/b..', ['..a', 'b..']],
  ])('%j', (name, segments) => {
    expect(entrySegments(name)).toEqual(segments);
  });

  test.each(['/etc/passwd', '../a', 'a/../../b', 'a/..', 'a\0b', 'x'.repeat(256), 'é'.repeat(128), 'a/'.repeat(3000)])(
    'refuses %j',
    (name) => {
      expect(() => entrySegments(name)).toThrow(/not safe to unpack/);
    },
  );

  test('shows a refused name so that a terminal does not obey it, and not all of it', () => {
    expect(() => entrySegments(`../\u001b[2J${'x'.repeat(10_000)}`)).toThrow(/^.{0,400}$/);
    expect(() => entrySegments('../\u001b[2J')).not.toThrow('\u001b');
  });
});

describe('staysWithin', () => {
  test.each([
    ['b', 0, true],
    ['./b/c', 0, true],
    ['../b', 1, true],
    ['../../b', 2, true],
    ['..', 1, true],
    ['../b', 0, false],
    ['../../b', 1, false],
    ['/etc/passwd', 3, false],
    ['a/..', 3, false],
    ['../a/../b', 3, false],
    ['', 0, false],
    ['a\0', 0, false],
  ])('a link to %j at depth %i: %s', (target, depth, stays) => {
    expect(staysWithin(target, depth)).toBe(stays);
  });
});
