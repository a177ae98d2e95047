import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { HostGuest } from '../../../test/support/host-guest.ts';
import { byPid, failure, ProcessStream, processClient, shell } from '../../../test/support/process-client.ts';

let guest: HostGuest;
beforeAll(async () => {
  guest = await HostGuest.start();
});
afterAll(() => guest?.close());

const { begun, told } = ProcessStream;
const client = () => processClient(guest);
const from = (offset: number) => ({ headers: { 'sandglass-output-from': `${offset}` } });
const numbers = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, n) => `${first + n}\n`).join('');

async function untilEnded(pid: number): Promise<void> {
  await vi.waitFor(async () => expect((await client().list({})).processes.map((each) => each.pid)).not.toContain(pid), 10_000);
}

test('a client that comes back gets what nobody has been sent', async () => {
  const stream = await begun(client().start(shell('echo one; read x; echo two; read x; echo three')));
  await stream.until(({ stdout }) => stdout.includes('one'));
  await guest.breakConnections();
  await guest.untilSettled();
  await client().sendInput({ process: byPid(stream.pid), input: { input: { case: 'stdin', value: Buffer.from('\n\n') } } });
  const { pid, stdout, exitCode } = await told(client().connect({ process: byPid(stream.pid) }));
  expect([pid, stdout.toString(), exitCode]).toEqual([stream.pid, 'two\nthree\n', 0]);
});

test('when the connection breaks, nothing of the last 256 KiB is lost to a client that knows how far it got', async () => {
  const stream = await begun(client().start(shell('seq 1 20000; read x; seq 20001 40000')));
  await stream.until(({ stdout }) => stdout.length > 10_000);
  await guest.breakConnections();
  await failure(stream.until(() => false));
  await client().sendInput({ process: byPid(stream.pid), input: { input: { case: 'stdin', value: Buffer.from('\n') } } });
  await untilEnded(stream.pid);
  const { stdout, exitCode } = await told(client().connect({ process: byPid(stream.pid) }, from(stream.stdout.length)));
  expect(Buffer.concat([stream.stdout, stdout]).toString()).toBe(numbers(1, 40_000));
  expect(exitCode).toBe(0);
});

test('of more than is kept, the oldest is dropped, and the answer says where it begins', async () => {
  const { pid } = await begun(client().start(shell('seq 1 200000')));
  await guest.breakConnections();
  const whole = numbers(1, 200_000);
  await untilEnded(pid);
  let start = Number.NaN;
  const onHeader = (headers: Headers) => (start = Number(headers.get('sandglass-output-from')));
  const { stdout, exitCode } = await told(client().connect({ process: byPid(pid) }, { ...from(0), onHeader }));
  expect(start).toBe(whole.length - stdout.length);
  expect(stdout.length).toBeGreaterThanOrEqual(256 * 1024 - 64 * 1024);
  expect(stdout.length).toBeLessThanOrEqual(320 * 1024);
  expect(whole.endsWith(stdout.toString())).toBe(true);
  expect(exitCode).toBe(0);
});

test('several clients hear the same', async () => {
  const stream = await begun(client().start(shell('read x; seq 1 50000')));
  const others = await Promise.all([1, 2].map(() => begun(client().connect({ process: byPid(stream.pid) }))));
  await client().sendInput({ process: byPid(stream.pid), input: { input: { case: 'stdin', value: Buffer.from('\n') } } });
  const all = await Promise.all([stream, ...others].map((each) => each.until(() => false)));
  for (const { stdout, exitCode } of all) {
    expect(stdout.toString()).toBe(numbers(1, 50_000));
    expect(exitCode).toBe(0);
  }
});

test('a process is found by its tag, and listed while it runs', async () => {
  const stream = await begun(client().start({ process: { cmd: 'sleep', args: ['100'], envs: { A: 'b' }, cwd: '/tmp' }, tag: 'mine' }));
  const { processes } = await client().list({});
  expect(processes.find(({ pid }) => pid === stream.pid)).toMatchObject({
    tag: 'mine',
    config: { cmd: 'sleep', args: ['100'], envs: { A: 'b' }, cwd: '/tmp' },
  });
  await client().sendSignal({ process: { selector: { case: 'tag', value: 'mine' } }, signal: 9 });
  await stream.until(() => false);
  expect(await failure(client().sendSignal({ process: { selector: { case: 'tag', value: 'mine' } }, signal: 9 }))).toMatchObject({
    code: 'NotFound',
    reason: 'process_not_found',
  });
});

test('of those that have ended, the last 64 are kept, and one whose end nobody was told longer than others', async () => {
  const unheard = await begun(client().start(shell('read x; exit 7')));
  await guest.breakConnections();
  await guest.untilSettled();
  await client().closeStdin({ process: byPid(unheard.pid) });
  await untilEnded(unheard.pid);
  for (let n = 0; n < 70; n++) await told(client().start(shell('exit 0')));
  expect((await told(client().connect({ process: byPid(unheard.pid) }))).exitCode).toBe(7);
});
