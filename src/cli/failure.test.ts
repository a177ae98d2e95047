import { describe, expect, test } from 'vitest';
import { SandglassError } from '../../sdk/src/index.ts';
import { CliError, failureOf, failureText, Interrupted } from './failure.ts';

describe('failureOf', () => {
  test.each([
    [new SandglassError('unavailable', 'unreachable', 'm'), 5],
    [new SandglassError('not_found', 'snapshot_not_found', 'm'), 3],
    [new SandglassError('deadline_exceeded', 'wait_timed_out', 'm'), 4],
    [new SandglassError('deadline_exceeded', 'exec_timeout', 'm'), 4],
    [new SandglassError('invalid_argument', 'invalid_options', 'm'), 2],
    [new SandglassError('failed_precondition', 'sandbox_not_running', 'm'), 1],
    [new CliError('m', { exitCode: 2 }), 2],
    [new Interrupted('SIGINT'), 130],
    [new Error('m'), 1],
    ['m', 1],
  ])('%s ends with its own exit code', (thrown, exitCode) => {
    expect(failureOf(thrown).exitCode).toBe(exitCode);
  });

  test('an error of another class with the same name counts as the same', () => {
    const other = Object.assign(new Error('bad config'), { name: 'SandglassError', code: 'not_found', reason: 'sandbox_not_found' });
    expect(failureOf(other)).toMatchObject({ exitCode: 3, hint: expect.stringContaining('sandbox ls') });
  });
});

test('failureText puts the hint on a line of its own, and repeats no prefix', () => {
  expect(failureText({ message: 'error: a\nb', hint: 'c', exitCode: 1 })).toBe('error: a\nb\nhint: c');
  expect(failureText({ message: 'a', exitCode: 1 })).toBe('error: a');
});
