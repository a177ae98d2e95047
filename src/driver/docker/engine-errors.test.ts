import { expect, test } from 'vitest';
import { SandglassError } from '../../model/errors.ts';
import { engineError, engineMessage, engineStatus } from './engine-errors.ts';

const httpError = (statusCode: number, message: string, json?: object) =>
  Object.assign(new Error(`(HTTP code ${statusCode}) server error - ${message} `), { statusCode, json });
const socketError = (code: string) => Object.assign(new Error(`connect ${code} /var/run/docker.sock`), { code });

test.each([
  [httpError(500, 'write /x: no space left on device'), 'disk_full'],
  [httpError(500, 'anything'), 'engine_error'],
  [socketError('ECONNREFUSED'), 'engine_unavailable'],
  [socketError('ENOENT'), 'engine_unavailable'],
  [socketError('ECONNRESET'), 'engine_unavailable'],
  [socketError('EACCES'), 'engine_unavailable'],
  ['no error at all', 'internal'],
])('%s is %s', (thrown, reason) => {
  expect(engineError(thrown)).toMatchObject({ reason });
});

test('a SandglassError is passed on', () => {
  const error = new SandglassError('invalid_image', 'x');
  expect(engineError(error)).toBe(error);
});

test("the engine's own words and status are found behind what dockerode and we put around them", () => {
  const error = engineError(httpError(409, 'Container x is paused - really'));
  expect(error.message).toBe('Container x is paused - really');
  expect(engineStatus(error)).toBe(409);
  expect(engineMessage(engineError(httpError(500, 'cut off', { message: 'in full' })))).toBe('in full');
});
