import { expect, test } from 'vitest';
import { idFromHex } from '../../model/ids.ts';
import type { ExecRequest } from '../driver.ts';
import { execFailure } from './exec-failure.ts';

const REQUEST: ExecRequest = { sandboxId: idFromHex('sandbox', '1'.repeat(32)), command: ['prog'], env: {}, user: 'u', workdir: '/w' };

/** Messages of Docker 20.10 to 28. */
test.each([
  [
    'OCI runtime exec failed: exec failed: unable to start container process: exec: "prog": executable file not found in $PATH: unknown',
    'command_not_found',
  ],
  [
    'OCI runtime exec failed: exec failed: unable to start container process: exec: "/x": stat /x: no such file or directory: unknown',
    'command_not_found',
  ],
  [
    'OCI runtime exec failed: exec failed: unable to start container process: exec: "/etc": permission denied: unknown',
    'command_not_found',
  ],
  ['unable to find user u: no matching entries in passwd file', 'invalid_user'],
  ['unable to find group g: no matching entries in group file', 'invalid_user'],
  ['uids and gids must be in range 0-2147483647', 'invalid_user'],
  [
    'OCI runtime exec failed: exec failed: unable to start container process: chdir to cwd ("/w") set in config.json failed: no such file or directory: unknown',
    'invalid_workdir',
  ],
  ['OCI runtime exec failed: exec failed: Cwd must be an absolute path: unknown', 'invalid_workdir'],
  ['Container 1234 is paused, unpause the container before exec', 'sandbox_not_running'],
  ['Container 1234 is not running', 'sandbox_not_running'],
  ['cannot exec in a stopped container: unknown', 'sandbox_not_running'],
  ['something else', 'engine_error'],
])('%s is %s', (message, reason) => {
  expect(execFailure(REQUEST, message).reason).toBe(reason);
});
