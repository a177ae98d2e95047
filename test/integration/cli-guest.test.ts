import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { type AddressInfo, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { HostGuest } from '../support/host-guest.ts';
import { HostGuestLink } from '../support/host-guest-link.ts';
import { RestWorld } from '../support/rest-world.ts';
import { runAtTerminal, settingsIn } from '../support/run-at-terminal.ts';
import { type RunCliOptions, runCli, runCliForBytes } from '../support/run-cli.ts';

/*
 * The command line against a real server and a real guest, which runs on this host: the sandbox's files are below `inside`.
 */

const STRANGE_NAME = 'ü b\n\u001b[31m.txt';

let guest: HostGuest;
let folder: string;
let inside: string;
let url: string;
let id: string;
beforeAll(async () => {
  guest = await HostGuest.start({ env: { FROM_INIT: 'init' }, workdir: '/tmp' });
});
afterAll(() => guest?.close());
beforeEach(async () => {
  const api = await RestWorld.create({ links: new HostGuestLink(guest) });
  ({ id } = await api.world.runningSandbox());
  url = api.url;
  folder = await mkdtemp(join(tmpdir(), 'sandglass-cli-guest-'));
  inside = join(folder, 'inside');
  await mkdir(inside);
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const cli = (args: readonly string[], options: RunCliOptions = {}) =>
  runCli(args, { ...options, env: { SANDGLASS_URL: url, ...options.env } });
const bytesOf = (args: readonly string[], options: RunCliOptions = {}) => runCliForBytes(args, { ...options, env: { SANDGLASS_URL: url } });

describe('exec', () => {
  test('passes random bytes through a command, with its environment, folder and exit code', async () => {
    const input = randomBytes(5_000_000);
    const { code, stdout } = await bytesOf(['exec', id, 'cat'], { stdin: input });
    expect({ code, same: stdout.equals(input) }).toEqual({ code: 0, same: true });
    const line = 'echo "$FROM_INIT $A"; pwd; echo err >&2; exit 9';
    expect(await cli(['exec', '-e', 'A=b c', '-w', inside, id, '--', 'sh', '-c', line])).toEqual({
      code: 9,
      stdout: `init b c\n${inside}\n`,
      stderr: 'err\n',
    });
  });

  test('loses nothing of what a command prints at once', async () => {
    const { code, stdout } = await bytesOf(['exec', id, '--', 'head', '-c', '20000000', '/dev/zero'], { stdin: { how: 'none' } });
    expect({ code, length: stdout.length }).toEqual({ code: 0, length: 20_000_000 });
  });

  test('goes on when the connection to the guest breaks', async () => {
    const fifo = join(folder, 'fifo');
    execFileSync('mkfifo', [fifo]);
    const onStart: RunCliOptions['onStart'] = (child) => {
      child.stdout?.once('data', () => {
        void guest.breakConnections().then(() => writeFile(fifo, 'go'));
      });
    };
    const line = `echo before; cat ${fifo}; echo after; exit 4`;
    expect(await cli(['exec', id, '--', 'sh', '-c', line], { stdin: { how: 'none' }, onStart })).toEqual({
      code: 4,
      stdout: 'before\ngoafter\n',
      stderr: '',
    });
  });

  test('ends when the command has read enough', async () => {
    const result = await cli(['exec', id, '--', 'head', '-n', '1'], { stdin: 'one\n'.repeat(500_000) });
    expect(result).toEqual({ code: 0, stdout: 'one\n', stderr: '' });
  });

  test.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('%s ends the command, and the exit code says so', async (name, code) => {
    const onStart: RunCliOptions['onStart'] = (child) => child.stdout?.once('data', () => child.kill(name));
    const result = await cli(['exec', id, '--', 'sh', '-c', 'echo started; exec sleep 60'], { onStart, stdin: { how: 'none' } });
    expect(result).toEqual({ code, stdout: 'started\n', stderr: '' });
  });

  test('a command that ignores Ctrl-C is killed by the second one', async () => {
    const onStart: RunCliOptions['onStart'] = (child) => {
      let printed = '';
      child.stdout?.on('data', (chunk) => {
        printed += chunk;
        if (/started\n$|caught\n$/.test(printed)) child.kill('SIGINT');
      });
    };
    const line = 'trap "echo caught" INT; echo started; echo $$ > pid; while true; do sleep 0.05; done';
    const result = await cli(['exec', '-w', inside, id, '--', 'sh', '-c', line], { onStart, stdin: { how: 'none' } });
    expect(result).toMatchObject({ code: 130, stderr: 'error: interrupted\n' });
    const pid = (await readFile(join(inside, 'pid'), 'utf8')).trim();
    await vi.waitFor(async () => expect(existsSync(`/proc/${pid}/fd/0`)).toBe(false), 10_000);
  });

  test('tells that there is no such command, and that its time was up', async () => {
    expect(await cli(['exec', id, 'no-such-program'])).toMatchObject({ code: 1, stderr: expect.stringContaining('no-such-program') });
    expect(await cli(['exec', '--timeout', '1', id, 'sleep', '60'], { stdin: { how: 'none' } })).toMatchObject({ code: 4 });
  });
});

test('a command in the background is listed, attached to and ended', async () => {
  const started = await cli(['exec', '-d', '--tag', 'job', id, '--', 'sh', '-c', 'echo out; echo err >&2; exec sleep 60']);
  const pid = started.stdout.trim();
  expect(started).toEqual({ code: 0, stdout: expect.stringMatching(/^\d+\n$/), stderr: '' });
  expect((await cli(['ps', id])).stdout).toMatch(new RegExp(`^${pid} +job `, 'm'));
  const onStart: RunCliOptions['onStart'] = (child) => child.stderr?.once('data', () => void cli(['kill', id, pid]));
  expect(await cli(['attach', '--from', '0', id, pid], { onStart })).toEqual({ code: 143, stdout: 'out\n', stderr: 'err\n' });
  expect(await cli(['kill', id, pid])).toMatchObject({ code: 3 });
});

describe('cp', () => {
  test('there and back, every file is the same', async () => {
    const content = randomBytes(3_000_000);
    await writeFile(join(folder, STRANGE_NAME), content);
    await chmod(join(folder, STRANGE_NAME), 0o751);
    expect(await cli(['cp', join(folder, STRANGE_NAME), `${id}:${inside}`])).toEqual({ code: 0, stdout: '', stderr: '' });
    expect((await readFile(join(inside, STRANGE_NAME))).equals(content)).toBe(true);
    expect(await cli(['cp', `${id}:${inside}/${STRANGE_NAME}`, join(folder, 'back')])).toEqual({ code: 0, stdout: '', stderr: '' });
    expect((await readFile(join(folder, 'back'))).equals(content)).toBe(true);
    expect(execFileSync('stat', ['-c', '%a', join(folder, 'back'), join(inside, STRANGE_NAME)]).toString()).toBe('751\n751\n');
  });

  test('there and back, every folder is the same', async () => {
    const source = join(folder, 'source');
    await mkdir(join(source, STRANGE_NAME, 'd/'.repeat(80)), { recursive: true });
    for (let n = 0; n < 50; n++) await writeFile(join(source, `f${n}`), randomBytes(n * 1000));
    await writeFile(join(source, STRANGE_NAME, 'd/'.repeat(80), STRANGE_NAME), 'deep');
    await writeFile(join(source, 'run'), '#!/bin/sh\n', { mode: 0o755 });
    await symlink('f1', join(source, 'link'));
    expect(await cli(['cp', source, `${id}:${inside}`])).toEqual({ code: 0, stdout: '', stderr: '' });
    expect(await cli(['cp', `${id}:${inside}/source/.`, join(folder, 'back')])).toEqual({ code: 0, stdout: '', stderr: '' });
    execFileSync('diff', ['-r', '--no-dereference', source, join(folder, 'back')]);
    const modes = (path: string) => execFileSync('sh', ['-c', 'cd "$1"; find . -printf "%P %m %y\\n" | sort', 'sh', path]).toString();
    expect(modes(join(folder, 'back'))).toBe(modes(source));
  });

  test('streams, there and back', async () => {
    const content = randomBytes(1_000_000);
    expect(await cli(['cp', '-', `${id}:${inside}/f`], { stdin: content })).toMatchObject({ code: 0, stderr: '' });
    expect((await bytesOf(['cp', `${id}:${inside}/f`, '-'])).stdout.equals(content)).toBe(true);
    expect(await cli(['cp', `${id}:${inside}/f`, `${id}:${inside}/g`])).toMatchObject({ code: 0, stderr: '' });
    expect((await readFile(join(inside, 'g'))).equals(content)).toBe(true);
  });

  test('Ctrl-C in the middle of an upload leaves nothing behind in the sandbox', async () => {
    await writeFile(join(inside, 'f'), 'old');
    const onStart: RunCliOptions['onStart'] = (child) => {
      child.stdin?.write(randomBytes(200_000), () => {
        // Something of it has arrived, under whatever name.
        void vi
          .waitFor(async () => expect((await readdir(inside)).length).toBeGreaterThan(1), { interval: 5 })
          .finally(() => child.kill('SIGINT'));
      });
    };
    const { code, stderr } = await cli(['cp', '-', `${id}:${inside}/f`], { stdin: { how: 'open' }, onStart });
    expect({ code, stderr }).toEqual({ code: 130, stderr: 'error: interrupted\n' });
    await vi.waitFor(async () => expect(await readdir(inside)).toEqual(['f']), 10_000);
    expect(await readFile(join(inside, 'f'), 'utf8')).toBe('old');
  });

  test('tells what the guest refuses', async () => {
    expect(await cli(['cp', `${id}:${inside}/none`, folder])).toMatchObject({ code: 3, stderr: expect.stringContaining('there is no') });
    expect(await cli(['cp', `${id}:/dev/null`, folder])).toMatchObject({ code: 1, stderr: expect.stringContaining('neither') });
  });
});

describe('port-forward', () => {
  test('connects to what listens in the sandbox, and tells when nothing does', async () => {
    const server = createServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const content = randomBytes(2_000_000);
    const used = Promise.withResolvers<void>();
    const use = async (ports: number[]) => {
      const refused = connect(ports[1] as number, '127.0.0.1');
      await refused.toArray().catch(() => {});
      const socket = connect({ port: ports[0] as number, host: '127.0.0.1', allowHalfOpen: true });
      socket.end(content);
      expect(Buffer.concat(await socket.toArray()).equals(content)).toBe(true);
    };
    const ended = cli(['port-forward', id, `0:${port}`, '0:1'], {
      onStart: (child) => {
        let printed = '';
        child.stdout?.on('data', (chunk) => {
          printed += chunk;
          const ports = [...printed.matchAll(/^127\.0\.0\.1:(\d+) -> .*\n/gm)].map(([, local]) => Number(local));
          if (ports.length === 2)
            void use(ports)
              .then(used.resolve, used.reject)
              .finally(() => child.kill('SIGINT'));
        });
      },
    });
    await used.promise;
    server.close();
    const { code, stderr } = await ended;
    expect(code).toBe(0);
    expect(stderr).toMatch(/^error: a connection to port 1 failed: port 1 of sandbox/);
  });
});

describe('shell', () => {
  test('is a terminal: keys, size, Ctrl-C, exit code', async () => {
    const terminal = runAtTerminal(['shell', '--cwd', inside, id, '--', 'sh'], { SANDGLASS_URL: url });
    await terminal.shows(/[$#] $/);
    terminal.type('stty size; pwd\r');
    await terminal.shows(new RegExp(`30 100\r\n${inside}`));
    terminal.resize(120, 40);
    // A program that answers runs: a Ctrl-C while the shell is still starting one is lost in some shells.
    terminal.type('cat\r');
    terminal.type('begun\r');
    await terminal.shows(/begun\r\nbegun\r\n$/);
    terminal.type('\u0003');
    await terminal.shows(/\^C\s*[$#] $/);
    terminal.type('stty size; echo $((6*7))\r');
    await terminal.shows(/40 120\r\n42/);
    terminal.type('exit 5\r');
    const { code, printed } = await terminal.ended;
    expect(code).toBe(5);
    const { before, after } = settingsIn(printed);
    expect(after).toBe(before);
  });
});
