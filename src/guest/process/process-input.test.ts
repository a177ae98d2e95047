import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { HostGuest } from '../../../test/support/host-guest.ts';
import { byPid, failure, ProcessStream, processClient, shell } from '../../../test/support/process-client.ts';
import { tempFolder } from '../../../test/support/temp-folder.ts';
import type { StreamInputRequestSchema } from '../../rpc/gen/process/process_pb.js';

let guest: HostGuest;
beforeAll(async () => {
  guest = await HostGuest.start();
});
afterAll(() => guest?.close());

const { begun, told } = ProcessStream;
const client = () => processClient(guest);
const stdin = (text: string | Uint8Array) => ({ input: { case: 'stdin' as const, value: Buffer.from(text) } });
const terminal = { pty: { size: { cols: 80, rows: 24 } } };

test('input reaches the process as it is, and ends when it is closed', async () => {
  const file = join(tempFolder(), 'bytes');
  const bytes = randomBytes(3_000_000);
  const stream = await begun(client().start(shell(`cat > ${file}`)));
  await client().sendInput({ process: byPid(stream.pid), input: stdin(bytes.subarray(0, 1_000_000)) });
  await client().sendInput({ process: byPid(stream.pid), input: stdin(bytes.subarray(1_000_000)) });
  await client().closeStdin({ process: byPid(stream.pid) });
  expect((await stream.until(() => false)).exitCode).toBe(0);
  expect(readFileSync(file).equals(bytes)).toBe(true);
});

test('input can come as a stream', async () => {
  const stream = await begun(client().start(shell('cat')));
  async function* pieces(): AsyncGenerator<MessageInitShape<typeof StreamInputRequestSchema>> {
    yield { event: { case: 'start', value: { process: byPid(stream.pid) } } };
    for (const text of ['one ', 'two ', 'three']) {
      yield { event: { case: 'keepalive', value: {} } };
      yield { event: { case: 'data', value: { input: stdin(text) } } };
    }
  }
  await client().streamInput(pieces());
  await client().closeStdin({ process: byPid(stream.pid) });
  expect((await stream.until(() => false)).stdout.toString()).toBe('one two three');
});

test('a terminal echoes, edits lines and is resized', async () => {
  const stream = await begun(client().start({ ...shell('stty size; read line; echo "<$line>"; stty size'), ...terminal }));
  await stream.until(({ pty }) => pty.includes('24 80'));
  await client().update({ process: byPid(stream.pid), pty: { size: { cols: 132, rows: 50 } } });
  await client().sendInput({ process: byPid(stream.pid), input: { input: { case: 'pty', value: Buffer.from('abX\x7fc\n') } } });
  await stream.until(() => false);
  expect(stream.pty.toString()).toContain('<abc>\r\n50 132');
});

test('Ctrl-C on a terminal interrupts what runs in it', async () => {
  const stream = await begun(client().start({ process: { cmd: 'cat', args: [] }, ...terminal }));
  await client().sendInput({ process: byPid(stream.pid), input: stdin('here\n') });
  await stream.until(({ pty }) => pty.includes('here\r\nhere'));
  await client().sendInput({ process: byPid(stream.pid), input: stdin('\x03') });
  expect((await stream.until(() => false)).status).toBe('signal: interrupt');
});

test('a process that was asked to have no input reads nothing', async () => {
  const { stdout } = await told(client().start({ ...shell('cat; readlink /proc/self/fd/0'), stdin: false }));
  expect(stdout.toString()).toBe('/dev/null\n');
});

test('input for a process that has none, or has closed it, is refused and harms nobody', async () => {
  const without = await begun(client().start({ ...shell('sleep 100'), stdin: false }));
  const closed = await begun(client().start(shell('exec <&-; echo closed; sleep 100')));
  await closed.until(({ stdout }) => stdout.length > 0);
  expect(await failure(client().sendInput({ process: byPid(without.pid), input: stdin('x') }))).toMatchObject({
    reason: 'invalid_request',
  });
  expect(await failure(client().sendInput({ process: byPid(closed.pid), input: stdin('x') }))).toMatchObject({ reason: 'invalid_request' });
  for (const stream of [without, closed]) {
    await client().sendSignal({ process: byPid(stream.pid), signal: 15 });
    expect((await stream.until(() => false)).status).toBe('signal: terminated');
  }
});

test.each([
  ['a process', {}],
  ['a terminal', terminal],
])('input that %s does not read waits, and is given up when the process ends', async (_, how) => {
  const stream = await begun(client().start({ ...shell('stty raw -echo 2>&-; echo ready; sleep 100'), ...how }));
  await stream.until(({ stdout, pty }) => `${stdout}${pty}`.includes('ready'));
  const written = () => Number(/wchar: (\d+)/.exec(readFileSync(`/proc/${guest.child.pid}/io`, 'utf8'))?.[1]);
  const before = written();
  let isSettled = false;
  const waiting = failure(client().sendInput({ process: byPid(stream.pid), input: stdin(Buffer.alloc(1_000_000)) })).finally(() => {
    isSettled = true;
  });
  await vi.waitFor(() => expect(written() - before).toBeGreaterThanOrEqual(4000), 10_000); // what the system keeps for it
  expect(isSettled).toBe(false);
  await client().sendSignal({ process: byPid(stream.pid), signal: 9 });
  await stream.until(() => false);
  expect(await waiting).toMatchObject({ reason: 'invalid_request' });
});

test('more input than the guest keeps is refused, not kept', async () => {
  const stream = await begun(client().start(shell('sleep 100')));
  const big = { process: byPid(stream.pid), input: stdin(Buffer.alloc(9_000_000)) };
  const both = [failure(client().sendInput(big)), failure(client().sendInput(big))];
  expect(await Promise.race(both)).toMatchObject({ code: 'ResourceExhausted', reason: 'too_many_requests' });
  await client().sendSignal({ process: byPid(stream.pid), signal: 9 });
  await Promise.all(both);
});
