import { existsSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { HostGuest } from '../../../test/support/host-guest.ts';
import { byPid, failure, ProcessStream, processClient, shell } from '../../../test/support/process-client.ts';
import type { Signal } from '../../rpc/gen/process/process_pb.js';

let guest: HostGuest;
beforeAll(async () => {
  guest = await HostGuest.start();
});
afterAll(() => guest?.close());

const { begun, told } = ProcessStream;
const client = () => processClient(guest);

/** Whether a process is there and is more than a remembered status. */
const lives = (pid: number) => existsSync(`/proc/${pid}/stat`) && !/\) [ZX]/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
const untilDead = (pid: number) => vi.waitFor(() => expect(lives(pid)).toBe(false), 10_000);

test.each([
  [1, 'hangup'],
  [2, 'interrupt'],
  [9, 'killed'],
  [11, 'segmentation fault'],
  [15, 'terminated'],
  [31, 'signal 31'],
])('signal %i is told as "%s"', async (signal, word) => {
  const stream = await begun(client().start({ process: { cmd: 'sleep', args: ['100'] } }));
  await client().sendSignal({ process: byPid(stream.pid), signal });
  expect(await stream.until(() => false)).toMatchObject({ exitCode: -1, status: `signal: ${word}` });
});

test('a signal can be caught', async () => {
  const stream = await begun(client().start(shell('trap "echo caught; exit 6" USR1; echo ready; while :; do sleep 0.01; done')));
  await stream.until(({ stdout }) => stdout.includes('ready'));
  await client().sendSignal({ process: byPid(stream.pid), signal: 10 as Signal });
  await stream.until(() => false);
  expect([stream.stdout.toString(), stream.exitCode]).toEqual(['ready\ncaught\n', 6]);
});

test.each([
  ['pipes', {}],
  ['a terminal', { pty: { size: { cols: 80, rows: 24 } } }],
])('a signal reaches the whole group, on %s', async (_, how) => {
  const stream = await begun(client().start({ ...shell('sleep 100 & echo $!; wait'), ...how }));
  const printed = () => Number(`${stream.stdout}${stream.pty}`);
  await stream.until(() => printed() > 0);
  await client().sendSignal({ process: byPid(stream.pid), signal: 9 });
  expect((await stream.until(() => false)).status).toBe('signal: killed');
  await untilDead(printed());
});

test('a process lives only as long as its request allows, with all that it has started', async () => {
  const stream = new ProcessStream(client().start(shell('sleep 100 & echo $!; wait'), { timeoutMs: 300 }));
  expect(await failure(stream.until(() => false))).toMatchObject({ code: 'DeadlineExceeded' });
  await untilDead(stream.pid);
  await untilDead(Number(stream.stdout));
});

test('the limit holds when the client is gone, and who attaches hears of the end', async () => {
  const stream = await begun(client().start(shell('sleep 100'), { timeoutMs: 500 }));
  await guest.breakConnections();
  expect(await told(client().connect({ process: byPid(stream.pid) }))).toMatchObject({ exitCode: -1, status: 'signal: killed' });
});

test('to leave a stream does not end the process', async () => {
  const leaving = new AbortController();
  const stream = await begun(client().start(shell('read x; exit 9'), { signal: leaving.signal }));
  leaving.abort();
  await guest.untilSettled();
  const attached = await begun(client().connect({ process: byPid(stream.pid) }));
  await client().closeStdin({ process: byPid(stream.pid) });
  expect((await attached.until(() => false)).exitCode).toBe(9);
});

test.each([0, 32, 65, -1])('%i is no signal that can be sent', async (signal) => {
  const stream = await begun(client().start(shell('read x')));
  expect(await failure(client().sendSignal({ process: byPid(stream.pid), signal }))).toMatchObject({ reason: 'invalid_request' });
  await client().closeStdin({ process: byPid(stream.pid) });
  await stream.until(() => false);
});

test('ended processes are reaped', async () => {
  const { pid } = await told(client().start(shell('exit 0')));
  expect(existsSync(`/proc/${pid}`)).toBe(false);
});
