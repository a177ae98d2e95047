import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { HostGuest } from '../../../test/support/host-guest.ts';
import { asUser, failure, ProcessStream, processClient, shell } from '../../../test/support/process-client.ts';
import { tempFolder } from '../../../test/support/temp-folder.ts';

let guest: HostGuest;
beforeAll(async () => {
  guest = await HostGuest.start({ env: { FROM_INIT: 'init', SHADOWED: 'init' }, workdir: '/usr' });
});
afterAll(() => guest?.close());

const { told } = ProcessStream;
const client = () => processClient(guest);
const KINDS = [
  ['on pipes', {}],
  ['on a terminal', { pty: { size: { cols: 80, rows: 24 } } }],
] as const;

/** What a script prints, whichever way, by lines. */
async function lines(request: Parameters<ReturnType<typeof client>['start']>[0], options?: { headers: Record<string, string> }) {
  const { stdout, pty } = await told(client().start(request, options));
  return `${stdout}${pty}`.trim().split(/\r?\n/);
}

test('variables are those of the account, the sandbox and the request, the latter first', async () => {
  const script = 'echo $PATH; echo $HOSTNAME; echo $HOME $USER $LOGNAME; echo $FROM_INIT $SHADOWED $OWN';
  const { process } = shell(script);
  expect(await lines({ process: { ...process, envs: { SHADOWED: 'request', OWN: 'a b' } } })).toEqual([
    '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    hostname(),
    '/root root root',
    'init request a b',
  ]);
});

test('nothing of what the guest was started with reaches a process', async () => {
  const names = (await lines(shell('env'))).map((line) => line.split('=')[0]).sort();
  expect(names).toEqual(['FROM_INIT', 'HOME', 'HOSTNAME', 'LOGNAME', 'PATH', 'PWD', 'SHADOWED', 'USER']);
});

test.each([
  [undefined, '/usr'],
  ['', '/usr'],
  ['lib', '/usr/lib'],
  ['/tmp', '/tmp'],
  ['~', '/root'],
])('cwd %j is %s', async (cwd, expected) => {
  expect(await lines({ process: { cmd: 'pwd', args: ['-P'], ...(cwd === undefined ? {} : { cwd }) } })).toEqual([expected]);
});

test.each(KINDS)('what cannot be started is told in words, %s', async (_, how) => {
  const folder = tempFolder();
  writeFileSync(join(folder, 'file'), '');
  writeFileSync(join(folder, 'script'), '#!/no/such/interpreter\n', { mode: 0o755 });
  const start = (process: { cmd: string; cwd?: string; args?: string[]; envs?: Record<string, string> }, options = {}) =>
    failure(told(client().start({ process, ...how }, options)));
  expect(await start({ cmd: 'no-such-command' })).toEqual({
    code: 'InvalidArgument',
    reason: 'command_not_found',
    message: 'there is no command "no-such-command" in PATH',
  });
  expect(await start({ cmd: '/no/such/command' })).toMatchObject({ reason: 'command_not_found' });
  expect(await start({ cmd: './file', cwd: folder })).toMatchObject({
    reason: 'command_not_found',
    message: expect.stringMatching('not executable'),
  });
  expect(await start({ cmd: folder })).toMatchObject({ reason: 'command_not_found' });
  expect(await start({ cmd: 'true', cwd: '/no/such/folder' })).toEqual({
    code: 'InvalidArgument',
    reason: 'invalid_workdir',
    message: 'there is no working directory /no/such/folder',
  });
  expect(await start({ cmd: 'true', cwd: join(folder, 'file') })).toMatchObject({ reason: 'invalid_workdir' });
  expect(await start({ cmd: 'true' }, asUser('nobody-such'))).toMatchObject({ code: 'Unauthenticated', reason: 'invalid_user' });
  expect(await start({ cmd: '' })).toMatchObject({ reason: 'invalid_request' });
  expect(await start({ cmd: 'true', args: ['a\0b'] })).toMatchObject({ reason: 'invalid_request' });
  expect(await start({ cmd: 'true', envs: { 'A=B': '' } })).toMatchObject({ reason: 'invalid_request' });
});

test('a program without its interpreter, and arguments that are too long, are told too', async () => {
  const script = join(tempFolder(), 'script');
  writeFileSync(script, '#!/no/such/interpreter\n', { mode: 0o755 });
  const start = (process: { cmd: string; args?: string[] }) => failure(told(client().start({ process })));
  expect(await start({ cmd: script })).toMatchObject({ reason: 'command_not_found', message: expect.stringMatching('interpreter') });
  expect(await start({ cmd: 'true', args: ['x'.repeat(3_000_000)] })).toMatchObject({ reason: 'invalid_request' });
});

test.each(KINDS)('a request can name the user, by name or number, %s', async (_, how) => {
  expect(await lines({ ...shell('id -u; id -g'), ...how }, asUser('nobody'))).toEqual(['65534', '65534']);
  expect(await lines({ ...shell('id -u; id -g; id -G; echo $HOME'), ...how }, asUser('12345'))).toEqual(['12345', '0', '0', '/']);
});

test('a user cannot become root again', async () => {
  const script = 'grep -E "^(Uid|Gid|Groups|CapPrm|CapEff)" /proc/self/status';
  expect((await lines(shell(script), asUser('nobody'))).map((line) => line.split(/\s+/).filter((text) => text !== ''))).toEqual([
    ['Uid:', '65534', '65534', '65534', '65534'],
    ['Gid:', '65534', '65534', '65534', '65534'],
    ['Groups:'],
    ['CapPrm:', '0000000000000000'],
    ['CapEff:', '0000000000000000'],
  ]);
});

test('a user owns the output and the terminal', async () => {
  expect(await lines(shell('echo a > /dev/stdout; echo b > /dev/stderr'), asUser('nobody'))).toEqual(['a']);
  expect(await lines({ ...shell('stat -c %u $(tty); echo c > /dev/tty'), ...KINDS[1][1] }, asUser('nobody'))).toEqual(['65534', 'c']);
});

test.each(KINDS)('whether something can be started is asked with the rights of the user, %s', async (_, how) => {
  const folder = tempFolder();
  mkdirSync(join(folder, 'closed'), { mode: 0o700 });
  writeFileSync(join(folder, 'program'), '#!/bin/sh\n', { mode: 0o700 });
  chmodSync(folder, 0o755);
  const start = (process: { cmd: string; cwd?: string }) => failure(told(client().start({ process, ...how }, asUser('nobody'))));
  expect(await start({ cmd: 'true', cwd: join(folder, 'closed') })).toMatchObject({
    reason: 'invalid_workdir',
    message: expect.stringMatching('user nobody may not enter'),
  });
  expect(await start({ cmd: join(folder, 'program') })).toMatchObject({ reason: 'command_not_found' });
});

test('the guest stays root in all of its threads, whoever it starts processes for', async () => {
  await Promise.all(Array.from({ length: 20 }, (_, n) => lines(shell('id -u'), asUser(n % 2 ? 'nobody' : 'root'))));
  const path = `/proc/${guest.child.pid}/task`;
  const identities = readdirSync(path).map((thread) => /^Uid:.*$/m.exec(readFileSync(`${path}/${thread}/status`, 'utf8'))?.[0]);
  expect(new Set(identities)).toEqual(new Set(['Uid:\t0\t0\t0\t0']));
});
