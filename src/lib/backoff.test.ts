import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { backoffMs } from './backoff.ts';

const POLICY = { baseMs: 1_000, maxMs: 60_000 };

describe('backoff', () => {
  it('doubles from attempt to attempt, up to its maximum', () => {
    expect([1, 2, 3, 4, 5, 6, 7, 8].map((attempt) => backoffMs(POLICY, attempt))).toEqual([
      1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000,
    ]);
  });

  it('spreads over the upper half of the delay', () => {
    expect([0, 0.5, 0.999].map((random) => backoffMs(POLICY, 1, random))).toEqual([500, 750, 1_000]);
  });

  it('is finite, whole and within bounds for any attempt', () => {
    const attempts = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });
    fc.assert(
      fc.property(attempts, fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (attempt, random) => {
        const delayMs = backoffMs(POLICY, attempt, random);
        expect(Number.isInteger(delayMs)).toBe(true);
        expect(delayMs).toBeGreaterThanOrEqual(POLICY.baseMs / 2);
        expect(delayMs).toBeLessThanOrEqual(POLICY.maxMs);
      }),
    );
  });

  it('never shrinks with more attempts', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 100 }), (attempt) => backoffMs(POLICY, attempt, 0.3) <= backoffMs(POLICY, attempt + 1, 0.3)),
    );
  });
});
