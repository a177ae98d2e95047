import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { HostGuest } from '../../test/support/host-guest.ts';
import { ProcessStream, processClient, shell } from '../../test/support/process-client.ts';

let guest: HostGuest;
beforeAll(async () => {
  guest = await HostGuest.start();
});
afterAll(() => guest?.close());

/** Megabytes of the guest that nobody shares with it. */
function privateMemory(): number {
  const text = readFileSync(`/proc/${guest.child.pid}/smaps_rollup`, 'utf8');
  return Number(/Private_Dirty: +(\d+)/.exec(text)?.[1]) / 1024;
}

test('some seconds after much work, the guest is nearly as small as before', { timeout: 60_000 }, async () => {
  await ProcessStream.told(processClient(guest).start(shell('true')));
  const before = privateMemory();
  for (let n = 0; n < 5; n++) {
    const stream = processClient(guest).start(shell('head -c 30000000 /dev/zero'));
    for await (const { event } of stream) expect(event?.event.case).toBeDefined();
  }
  expect(privateMemory() - before).toBeGreaterThan(10);
  await vi.waitFor(() => expect(privateMemory() - before).toBeLessThan(5), { timeout: 40_000, interval: 100 });
  expect((await ProcessStream.told(processClient(guest).start(shell('echo well')))).stdout.toString()).toBe('well\n');
});
