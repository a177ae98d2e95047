import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { HostGuest, type HostGuestInit } from '../../test/support/host-guest.ts';
import { tempFolder } from '../../test/support/temp-folder.ts';

const guests: HostGuest[] = [];
afterEach(async () => {
  await Promise.all(guests.splice(0).map((guest) => guest.close()));
});

/** @param init without it, the guest is not told anything yet. */
async function startGuest(init?: HostGuestInit): Promise<HostGuest> {
  const guest = await (init === undefined ? HostGuest.startUntold() : HostGuest.start(init));
  guests.push(guest);
  return guest;
}

const shell = (script: string) => ['sh', '-c', script];
const untilPrinted = (guest: HostGuest, text: string) => vi.waitFor(() => expect(guest.output).toContain(text), 10_000);

/** The guest's exit status, or the signal that ended it. */
async function ending(guest: HostGuest): Promise<unknown> {
  const { exitCode, signalCode } = guest.child;
  if (exitCode !== null || signalCode !== null) return exitCode ?? signalCode;
  const [code, signal] = await once(guest.child, 'exit');
  return code ?? signal;
}

test('the entrypoint gets the variables, the user and the directory, prints to the log, and ends the guest with its status', async () => {
  const guest = await startGuest({
    env: { WORD: 'hello' },
    user: 'nobody',
    workdir: '/usr/lib',
    entrypoint: shell('echo $WORD $(id -u) $(pwd -P) $HOME; echo oops >&2; exit 42'),
  });
  expect(await ending(guest)).toBe(42);
  await untilPrinted(guest, 'oops\n');
  expect(guest.output).toMatch(/^hello 65534 \/usr\/lib \/nonexistent$/m);
});

test('a signal that ends the entrypoint ends the guest with 128 and its number', async () => {
  expect(await ending(await startGuest({ entrypoint: shell('kill -9 $$') }))).toBe(137);
});

test.each(['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2', 'SIGWINCH'] as const)('%s is passed on', async (signal) => {
  const name = signal.slice(3);
  const guest = await startGuest({
    entrypoint: shell(`trap "echo got ${name}; exit 5" ${name}; echo ready; while :; do sleep 0.01; done`),
  });
  await untilPrinted(guest, 'ready');
  guest.child.kill(signal);
  expect(await ending(guest)).toBe(5);
  await untilPrinted(guest, `got ${name}`);
});

test('without an entrypoint, a signal ends the guest', async () => {
  const guest = await startGuest({});
  guest.child.kill('SIGTERM');
  expect(await ending(guest)).toBe('SIGTERM');
});

test('the entrypoint is a leader of its own: what it does to its group does not reach the guest', async () => {
  const guest = await startGuest({ entrypoint: shell('trap "" TERM; kill -TERM 0; echo survived; exit 0') });
  expect(await ending(guest)).toBe(0);
  await untilPrinted(guest, 'survived');
});

test.each([
  ['no-such-command', 127, 'there is no command "no-such-command" in PATH'],
  ['/no/such/command', 127, 'there is no command "/no/such/command"'],
  ['/etc/passwd', 126, '/etc/passwd is not executable for user root'],
])('%s as entrypoint fails with words, and the guest ends with %i', async (command, status, message) => {
  const guest = await startGuest();
  const answer = await guest.fetch('POST', '/init', { env: {}, entrypoint: [command] });
  expect(answer).toMatchObject({ status: 422, headers: { 'sandglass-reason': 'entrypoint_failed' } });
  expect(JSON.parse(answer.body)).toEqual({ code: 422, reason: 'entrypoint_failed', message });
  expect(await ending(guest)).toBe(status);
});

test('a user or a directory that is not there fails the entrypoint', async () => {
  for (const [init, message] of [
    [{ user: 'nobody-such' }, 'there is no user "nobody-such" in /etc/passwd'],
    [{ workdir: '/no/such' }, 'there is no working directory /no/such'],
  ] as const) {
    const guest = await startGuest();
    const { status, body } = await guest.fetch('POST', '/init', { env: {}, ...init, entrypoint: ['true'] });
    expect([status, JSON.parse(body).message]).toEqual([422, message]);
    expect(await ending(guest)).toBe(127);
  }
});

test('a repeated init changes nothing, and starts nothing a second time', async () => {
  const file = join(tempFolder(), 'starts');
  writeFileSync(file, '');
  const init = { env: { A: 'first' }, entrypoint: shell(`echo start >> ${file}; echo ready; exec sleep 100`) };
  const guest = await startGuest(init);
  await untilPrinted(guest, 'ready');
  expect((await guest.fetch('POST', '/init', init)).status).toBe(204);
  expect((await guest.fetch('POST', '/init', { env: { A: 'second' } })).status).toBe(204);
  expect(JSON.parse((await guest.fetch('GET', '/envs')).body)).toEqual({ A: 'first' });
  expect(guest.output).toBe('ready\n');
  guest.child.kill('SIGTERM');
  expect(await ending(guest)).toBe(143);
});

test.each([
  ['no object', []],
  ['variables that are none', { env: { A: 1 } }],
  ['an empty entrypoint', { env: {}, entrypoint: [] }],
  ['an entrypoint that is none', { env: {}, entrypoint: 'sh' }],
])('%s is refused, and does not count as init', async (_, init) => {
  const guest = await startGuest();
  expect(await guest.fetch('POST', '/init', init)).toMatchObject({ status: 400, headers: { 'sandglass-reason': 'invalid_request' } });
  expect((await guest.fetch('POST', '/init', { env: { A: 'b' } })).status).toBe(204);
  expect(JSON.parse((await guest.fetch('GET', '/envs')).body)).toEqual({ A: 'b' });
});
