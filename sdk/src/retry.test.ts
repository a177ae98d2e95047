import { describe, expect, test } from 'vitest';
import { SandglassError } from './errors.ts';
import { parseRetryAfter, retryDelayMs, sleep } from './retry.ts';

const policy = { maxAttempts: 4, baseMs: 100, maxMs: 300 };
const unreachable = new SandglassError('unavailable', 'unreachable', '');

describe('retryDelayMs', () => {
  test('doubles up to the bound, then gives up', () => {
    expect([1, 2, 3, 4].map((attempt) => retryDelayMs(policy, attempt, unreachable, 1))).toEqual([100, 200, 300, undefined]);
  });

  test('spreads over the upper half', () => {
    expect(retryDelayMs(policy, 1, unreachable, 0)).toBe(50);
    expect(retryDelayMs(policy, 1, unreachable, 0.5)).toBe(75);
  });

  test.each([
    [429, 'too_many_requests', true],
    [503, 'shutting_down', true],
    [409, 'idempotency_key_in_progress', true],
    [409, 'sandbox_not_running', false],
    [500, 'internal', false],
    [400, 'invalid_request', false],
  ])('status %i (%s): repeated: %s', (status, reason, repeated) => {
    const delay = retryDelayMs(policy, 1, new SandglassError('unknown', reason, '', { status }), 1);
    expect(delay !== undefined).toBe(repeated);
  });

  test('waits for as long as the server asks, unless that is too long', () => {
    const asking = (retryAfterMs: number) => new SandglassError('unavailable', 'x', '', { status: 503, retryAfterMs });
    expect(retryDelayMs(policy, 1, asking(250), 0)).toBe(250);
    expect(retryDelayMs(policy, 1, asking(301), 0)).toBeUndefined();
  });
});

describe('parseRetryAfter', () => {
  test.each([
    [null, undefined],
    ['3', 3000],
    ['0', 0],
    ['Thu, 01 Jan 1970 00:00:05 GMT', 4000],
    ['Thu, 01 Jan 1970 00:00:00 GMT', 0],
    ['soon', undefined],
  ])('%s is %s ms', (header, expected) => {
    expect(parseRetryAfter(header, 1000)).toBe(expected);
  });
});

describe('sleep', () => {
  test('ends with the reason of the signal', async () => {
    const controller = new AbortController();
    const slept = sleep(60_000, controller.signal);
    controller.abort(new Error('enough'));
    await expect(slept).rejects.toThrow('enough');
    await expect(sleep(60_000, controller.signal)).rejects.toThrow('enough');
  });
});
