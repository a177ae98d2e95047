import { afterAll, beforeAll, expect, test } from 'vitest';
import { HostGuest } from '../../../test/support/host-guest.ts';
import { processClient, told } from '../../../test/support/process-client.ts';

let guest: HostGuest;
beforeAll(async () => {
  guest = await HostGuest.start({ env: { FROM_INIT: 'init' } });
});
afterAll(() => guest?.close());

const shell = (script: string) => ({ process: { cmd: 'sh', args: ['-c', script] } });

test('a process is told with its pid, its output by stream and its status', async () => {
  const { pid, stdout, stderr, exitCode, status } = await told(processClient(guest).start(shell('echo out; echo err >&2; exit 3')));
  expect(pid).toBeGreaterThan(1);
  expect([stdout.toString(), stderr.toString()]).toEqual(['out\n', 'err\n']);
  expect([exitCode, status]).toEqual([3, 'exit status 3']);
});

test('a terminal is one', async () => {
  const { pty, exitCode } = await told(processClient(guest).start({ ...shell('tty; stty size'), pty: { size: { cols: 91, rows: 17 } } }));
  expect(pty.toString()).toMatch(/^\/dev\/pts\/\d+\r\n17 91\r\n$/);
  expect(exitCode).toBe(0);
});

test('a signal ends the whole group', async () => {
  const client = processClient(guest);
  const stream = client.start(shell('sleep 100 & echo $!; wait'))[Symbol.asyncIterator]();
  const { value: first } = await stream.next();
  const pid = first?.event?.event.case === 'start' ? first.event.event.value.pid : 0;
  await stream.next();
  await client.sendSignal({ process: { selector: { case: 'pid', value: pid } }, signal: 9 });
  const { value: last } = await stream.next();
  expect(last?.event?.event.value).toMatchObject({ exited: false, exitCode: -1, status: 'signal: killed' });
});
