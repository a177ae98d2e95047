import { describe, expect, test } from 'vitest';
import { parseLocation } from './location.ts';
import { copyTarget } from './target.ts';

describe('copyTarget', () => {
  test.each([
    ['file', 'a/b.txt', 'nothing', 'c.txt', 'c.txt'],
    ['file', 'a/b.txt', 'file', 'c.txt', 'c.txt'],
    ['file', 'a/b.txt', 'directory', 'dir', 'dir/b.txt'],
    ['file', 'a/b.txt', 'directory', 'dir/', 'dir/b.txt'],
    ['file', 'b.txt', 'directory', '.', 'b.txt'],
    ['file', 'b.txt', 'directory', '/', '/b.txt'],
    ['directory', 'a/src', 'nothing', 'new', 'new'],
    ['directory', 'a/src', 'nothing', 'new/', 'new/'],
    ['directory', 'a/src', 'directory', 'dir', 'dir/src'],
    ['directory', 'a/src/', 'directory', 'dir', 'dir/src'],
    ['directory', 'a/src/.', 'directory', 'dir', 'dir'],
    ['directory', '.', 'directory', '/srv', '/srv'],
    ['directory', '..', 'directory', '/srv', '/srv'],
    ['directory', '/', 'directory', './here', './here'],
    ['directory', 'a/..b', 'directory', 'dir', 'dir/..b'],
    ['directory', 'a/ü\n b', 'directory', 'dir', 'dir/ü\n b'],
  ] as const)('a %s %j to %s %j gets the path %j', (sourceKind, source, destinationKind, destination, target) => {
    expect(copyTarget({ sourceKind, source, destinationKind, destination })).toBe(target);
  });

  test.each([
    ['file', 'nothing', 'dir/', /is not there/],
    ['file', 'file', 'file/', /is no folder/],
    ['directory', 'file', 'file', /which is a file/],
  ] as const)('a %s to %s %j is refused', (sourceKind, destinationKind, destination, message) => {
    expect(() => copyTarget({ sourceKind, source: 'a', destinationKind, destination })).toThrow(message);
  });
});

describe('parseLocation', () => {
  test.each([
    ['-', { where: 'stream' }],
    ['a/b', { where: 'here', path: 'a/b' }],
    ['./a:b', { where: 'here', path: './a:b' }],
    ['/a:b', { where: 'here', path: '/a:b' }],
    [':a', { where: 'here', path: ':a' }],
    ['sb-1:/a:b', { where: 'sandbox', sandboxId: 'sb-1', path: '/a:b' }],
    ['sb-1:a b\n', { where: 'sandbox', sandboxId: 'sb-1', path: 'a b\n' }],
  ])('%j', (text, location) => {
    expect(parseLocation(text)).toEqual(location);
  });

  test('a sandbox without a path is wrong usage', () => {
    expect(() => parseLocation('sb-1:')).toThrow(/a path is missing/);
  });
});
