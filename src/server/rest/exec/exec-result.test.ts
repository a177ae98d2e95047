import { expect, test } from 'vitest';
import { FakeClock } from '../../../../test/support/fake-clock.ts';
import { bytes } from '../../../../test/support/fake-command-runner.ts';
import { SandglassError } from '../../../model/errors.ts';
import type { CommandOutput } from '../../command-runner.ts';
import { collectExec } from './exec-result.ts';

test('a command whose time is up fails with what it had printed until then', async () => {
  const clock = new FakeClock();
  async function* output(): AsyncGenerator<CommandOutput> {
    yield { stdout: bytes('so far') };
    clock.advance(70);
    throw new SandglassError('exec_timeout', 'too slow');
  }
  await expect(collectExec(output(), { cmd: 'x' }, clock)).rejects.toMatchObject({
    reason: 'exec_timeout',
    details: { stdout: 'so far', stderr: '', stdout_truncated: false, duration_ms: 70 },
  });
});
