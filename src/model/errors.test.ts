import { describe, expect, it } from 'vitest';
import { failureOf, parseFailure, SandglassError } from './errors.ts';
import { isReason, REASONS } from './reasons.ts';

describe('a SandglassError', () => {
  it('has the code, status and retryability of its reason', () => {
    const error = new SandglassError('snapshot_not_active', 'snapshot must be in Active state, current state: creating');
    expect({ code: error.code, status: error.status, retryable: error.retryable }).toEqual({
      code: 'failed_precondition',
      status: 400,
      retryable: false,
    });
  });

  it('is kept as it is', () => {
    const error = new SandglassError('disk_full', 'no space left');
    expect(SandglassError.from(error)).toBe(error);
  });

  it.each([new Error('secret detail'), 'secret detail', undefined, null, { message: 'secret detail' }])(
    'made of %s is internal, and its message tells nothing of it',
    (thrown) => {
      const error = SandglassError.from(thrown);
      expect(error.reason).toBe('internal');
      expect(error.message).not.toContain('secret');
      expect(error.cause).toBe(thrown);
    },
  );
});

describe('a failure', () => {
  it('keeps the reason and message of an expected error, and hides those of others', () => {
    expect(failureOf(new SandglassError('image_not_found', 'no such image: x'))).toEqual({
      reason: 'image_not_found',
      message: 'no such image: x',
    });
    expect(failureOf(new Error('secret detail'))).toEqual({ reason: 'internal', message: expect.not.stringContaining('secret') });
  });

  it('of another process is taken with a known reason only', () => {
    expect(parseFailure('engine_error', 'x')).toEqual({ reason: 'engine_error', message: 'x' });
    for (const reason of ['', 'nonsense', '__proto__', 'toString', 'constructor'])
      expect(parseFailure(reason, 'x').reason).toBe('internal');
  });

  it('has a message of bounded length, however much an engine prints', () => {
    expect(parseFailure('engine_error', 'x'.repeat(1_000_000)).message).toBe(`${'x'.repeat(2_000)}…`);
    expect(parseFailure('engine_error', 'x'.repeat(2_000)).message).toBe('x'.repeat(2_000));
  });
});

describe('the reasons', () => {
  it('are written in snake_case, with an HTTP status of an error', () => {
    for (const [reason, { status }] of Object.entries(REASONS)) {
      expect(reason).toMatch(/^[a-z]+(_[a-z]+)*$/);
      expect(isReason(reason)).toBe(true);
      expect(status).toBeGreaterThanOrEqual(400);
      expect(status).toBeLessThan(600);
    }
  });
});
