import { describe, expect, test } from 'vitest';
import { path, query } from './paths.ts';

describe('path', () => {
  test('keeps a value within its segment', () => {
    expect(path`/a/${'b/../c?d#é'}/e`).toBe('/a/b%2F..%2Fc%3Fd%23%C3%A9/e');
  });

  test.each(['', '.', '..'])('refuses %j, which a URL would resolve away', (value) => {
    expect(() => path`/a/${value}`).toThrow(expect.objectContaining({ reason: 'invalid_options' }));
  });
});

describe('query', () => {
  test('repeats labels and leaves out what is absent', () => {
    expect(String(query({ status: 'active', name: undefined, limit: 5, label: { a: 'b=c', d: '' } }))).toBe(
      'status=active&limit=5&label=a%3Db%3Dc&label=d%3D',
    );
  });
});
