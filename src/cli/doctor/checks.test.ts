import { describe, expect, test } from 'vitest';
import { runCheck } from './check.ts';
import { checkNode, checkSpace } from './machine-checks.ts';

const describeError = (thrown: unknown) => ({ message: (thrown as Error).message, hint: 'do this' });

describe('doctor', () => {
  test.each([
    ['24.1.0', 'ok'],
    ['26.0.0', 'ok'],
    ['20.20.2', 'fail'],
  ])('Node %s is %s', (version, status) => expect(checkNode(version).status).toBe(status));

  test.each([
    [100e9, 'ok'],
    [1e9, 'warn'],
    [1e6, 'fail'],
  ])('%d bytes free are %s', (bytes, status) => {
    const finding = checkSpace('/data', bytes);
    expect(finding.status).toBe(status);
    expect(finding.fix === undefined).toBe(status === 'ok');
  });

  test('what a check throws is a finding, with what to do', async () => {
    const check = { name: 'x', run: () => Promise.reject(new Error('broken')) };
    expect(await runCheck(check, describeError, new AbortController().signal)).toEqual({
      name: 'x',
      status: 'fail',
      detail: 'broken',
      fix: 'do this',
    });
  });

  test('an interruption is not a finding', async () => {
    const controller = new AbortController();
    controller.abort(new Error('interrupted'));
    const check = { name: 'x', run: () => Promise.reject(new Error('broken')) };
    await expect(runCheck(check, describeError, controller.signal)).rejects.toThrow('interrupted');
  });
});
