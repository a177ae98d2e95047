import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { joinTokenCheck } from './join-token.ts';

const check = joinTokenCheck(`sha256:${createHash('sha256').update('the-token').digest('hex')}`);

describe('the join token', () => {
  test.each(['Bearer the-token', 'bearer the-token'])('in %j is the right one', (header) => {
    expect(() => check(header)).not.toThrow();
  });

  test.each([null, '', 'the-token', 'Bearer ', 'Bearer the-token2', 'Bearer the-toke', 'Basic the-token'])('in %j is not', (header) => {
    expect(() => check(header)).toThrow(/join.token/);
  });

  test('is not needed when no hash is configured', () => {
    expect(() => joinTokenCheck(undefined)(null)).not.toThrow();
  });

  test.each(['', 'sha256:abc', 'the-token'])('can not have the hash %j', (hash) => {
    expect(() => joinTokenCheck(hash)).toThrow(/64 hexadecimal/);
  });
});
