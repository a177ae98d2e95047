import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { HostGuest } from '../../../test/support/host-guest.ts';
import { byPid, ProcessStream, processClient, shell } from '../../../test/support/process-client.ts';
import { tempFolder } from '../../../test/support/temp-folder.ts';

let guest: HostGuest;
beforeAll(async () => {
  guest = await HostGuest.start();
});
afterAll(() => guest?.close());

const { begun, told } = ProcessStream;
const client = () => processClient(guest);

test('a process is told with its pid, its output by stream, and its status', async () => {
  const { pid, stdout, stderr, exitCode, status } = await told(client().start(shell('echo out; echo err >&2; exit 3')));
  expect(pid).toBeGreaterThan(1);
  expect([stdout.toString(), stderr.toString()]).toEqual(['out\n', 'err\n']);
  expect([exitCode, status]).toEqual([3, 'exit status 3']);
});

test.each([
  ['binary', false],
  ['JSON', true],
])('any bytes come as they were printed, in %s', async (_, isJson) => {
  const file = join(tempFolder(), 'bytes');
  const bytes = randomBytes(3_000_000);
  writeFileSync(file, bytes);
  const { stdout, stderr } = await told(processClient(guest, { isJson }).start(shell(`cat ${file} & cat ${file} >&2; wait`)));
  expect(stdout.equals(bytes)).toBe(true);
  expect(stderr.equals(bytes)).toBe(true);
});

test('any bytes come through a terminal that does not translate them', async () => {
  const file = join(tempFolder(), 'bytes');
  const bytes = randomBytes(500_000);
  writeFileSync(file, bytes);
  const { pty, exitCode } = await told(client().start({ ...shell(`stty raw; cat ${file}`), pty: { size: { cols: 80, rows: 24 } } }));
  expect(pty.equals(bytes)).toBe(true);
  expect(exitCode).toBe(0);
});

test('a program may open its standard output by name', async () => {
  const { stdout, stderr } = await told(client().start(shell('echo a > /dev/stdout; echo b > /dev/stderr')));
  expect([stdout.toString(), stderr.toString()]).toEqual(['a\n', 'b\n']);
});

test('a process gets no connection, pipe or terminal of the guest but its own', async () => {
  const terminal = { pty: { size: { cols: 80, rows: 24 } } };
  const others = await Promise.all([
    begun(client().start(shell('sleep 100'))),
    begun(client().start({ ...shell('sleep 100'), ...terminal })),
  ]);
  const { stdout } = await told(client().start({ ...shell('ls -l /proc/self/fd'), stdin: false }));
  const { pty } = await told(client().start({ ...shell('ls -l /proc/self/fd'), ...terminal }));
  for (const { pid } of others) await client().sendSignal({ process: byPid(pid), signal: 9 });
  expect(stdout.toString().match(/socket:|ptmx|pts/g)).toBeNull();
  expect(pty.toString().match(/socket:|ptmx/g)).toBeNull();
  expect(pty.toString().match(/pts/g)).toHaveLength(3);
});

test('what a process has started may keep its output open; its end is told all the same', async () => {
  const { stdout, exitCode } = await told(client().start(shell('sleep 100 & echo $!; exit 4')));
  process.kill(Number(stdout), 'SIGKILL');
  expect(exitCode).toBe(4);
});

test('what a process has started may print without end; its end is told all the same', async () => {
  const { stdout, exitCode } = await told(client().start(shell('(while :; do echo more; sleep 0.01; done) & echo $!; exit 5')));
  process.kill(Number(stdout.toString().split('\n')[0]), 'SIGKILL');
  expect(exitCode).toBe(5);
});

test('the end comes after all output, also to a slow reader', async () => {
  const stream = await begun(client().start(shell('head -c 1000000 /dev/zero')));
  const gone = () =>
    client()
      .list({})
      .then(({ processes }) => expect(processes.map(({ pid }) => pid)).not.toContain(stream.pid));
  expect((await client().list({})).processes.map(({ pid }) => pid)).toContain(stream.pid);
  await stream.until(() => false);
  expect(stream.stdout).toHaveLength(1_000_000);
  await gone();
});

test('a process that prints faster than it is read waits, and the guest does not grow', async () => {
  const before = privateMemory();
  const stream = await begun(client().start({ process: { cmd: 'yes', args: [] } }));
  await stream.until(({ stdout }) => stdout.length > 0);
  const written = () => Number(/wchar: (\d+)/.exec(readFileSync(`/proc/${stream.pid}/io`, 'utf8'))?.[1]);
  let last = -1;
  await vi.waitFor(
    () => {
      const [previous, now] = [last, written()];
      last = now;
      expect(now).toBe(previous);
    },
    { interval: 200, timeout: 20_000 },
  );
  expect(privateMemory() - before).toBeLessThan(30e6);
  await client().sendSignal({ process: byPid(stream.pid), signal: 9 });
  await stream.until(() => false);
  expect(stream.stdout.toString('latin1')).toMatch(/^(?:y\n)+y?$/);
  expect(last - stream.stdout.length).toBeLessThan(10); // what came before `yes` in that process is counted too
});

test('200 processes at once each get their own output', async () => {
  const numbers = Array.from({ length: 200 }, (_, n) => n);
  const all = await Promise.all(
    numbers.map((n) => told(client().start({ process: { cmd: 'sh', args: ['-c', `echo ${n}; exit ${n % 100}`] } }))),
  );
  expect(all.map(({ stdout }) => stdout.toString())).toEqual(numbers.map((n) => `${n}\n`));
  expect(all.map(({ exitCode }) => exitCode)).toEqual(numbers.map((n) => n % 100));
});

test('a stream with nothing to tell says that it is alive', async () => {
  const headers = { 'keepalive-ping-interval': '0.05' };
  const stream = await begun(client().start(shell('read line'), { headers }));
  await stream.until(({ keepalives }) => keepalives >= 3);
  await client().closeStdin({ process: byPid(stream.pid) });
  expect((await stream.until(() => false)).exitCode).toBe(1);
});

/** Bytes of the guest that nobody shares with it. */
function privateMemory(): number {
  const text = readFileSync(`/proc/${guest.child.pid}/smaps_rollup`, 'utf8');
  return Number(/Private_Dirty: +(\d+)/.exec(text)?.[1]) * 1024;
}
