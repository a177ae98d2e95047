import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { runAtTerminal, settingsIn } from '../support/run-at-terminal.ts';
import { type RunCliOptions, runCli, runCliForBytes } from '../support/run-cli.ts';
import { System } from '../support/system.ts';

const STRANGE_NAME = 'ü b\n.txt';

/** Commands, files, terminals, ports and logs of a sandbox, as a user reaches them, with server and executor apart. */
describe('the command line and what runs in a sandbox', () => {
  let system: System;
  let folder: string;
  let id: string;
  beforeAll(async () => {
    system = await System.start('cli-guest', { shape: 'apart' });
    folder = await mkdtemp(join(tmpdir(), 'sandglass-cli-e2e-'));
    const line = 'echo printed; echo error >&2; httpd -p 127.0.0.1:8080 -h /etc; exec sleep 1000000';
    id = (await sandglass(['sandbox', 'create', system.images.busybox, '--', 'sh', '-c', line])).stdout.trim();
  });
  afterAll(async () => {
    await system?.close();
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  });
  beforeEach(() => system.showLogOnFailure());

  const env = () => ({ SANDGLASS_URL: system.url });
  const sandglass = (args: readonly string[], options: RunCliOptions = {}) => runCli(args, { ...options, env: env() });

  test('exec passes random bytes through a command', async () => {
    const input = randomBytes(3_000_000);
    const { code, stdout } = await runCliForBytes(['exec', id, 'cat'], { stdin: input, env: env() });
    expect({ code, same: stdout.equals(input) }).toEqual({ code: 0, same: true });
  });

  test('cp brings folders there and back', async () => {
    const source = join(folder, 'source');
    await mkdir(join(source, STRANGE_NAME, 'deep'), { recursive: true });
    for (let n = 0; n < 20; n++) await writeFile(join(source, STRANGE_NAME, 'deep', `f${n}`), randomBytes(n * 10_000));
    await symlink(STRANGE_NAME, join(source, 'link'));
    expect(await sandglass(['cp', source, `${id}:/none/srv`])).toEqual({
      code: 1,
      stdout: '',
      stderr: expect.stringContaining('no folder /none'),
    });
    expect(await sandglass(['cp', source, `${id}:/copy`])).toEqual({ code: 0, stdout: '', stderr: '' });
    expect(await sandglass(['cp', `${id}:/copy`, join(folder, 'back')])).toEqual({ code: 0, stdout: '', stderr: '' });
    execFileSync('diff', ['-r', '--no-dereference', source, join(folder, 'back')]);
  });

  test('logs shows what the main process has printed', async () => {
    expect(await sandglass(['logs', id])).toEqual({ code: 0, stdout: 'printed\n', stderr: 'error\n' });
  });

  test('shell opens a terminal', async () => {
    const terminal = runAtTerminal(['shell', id], env());
    await terminal.shows(/ # /);
    terminal.type('stty size; exit 5\r');
    const { code, printed } = await terminal.ended;
    expect(code).toBe(5);
    expect(printed).toContain('30 100\r\n');
    const { before, after } = settingsIn(printed);
    expect(after).toBe(before);
  });

  test('port-forward reaches a server that listens on loopback only', async () => {
    const answered = Promise.withResolvers<string>();
    const onStart: RunCliOptions['onStart'] = (child) => {
      child.stdout?.once('data', (line) => {
        const address = /^127\.0\.0\.1:\d+/.exec(String(line))?.[0];
        const answer = fetch(`http://${address}/passwd`).then((response) => response.text());
        void answer.then(answered.resolve, answered.reject).finally(() => child.kill('SIGINT'));
      });
    };
    expect(await sandglass(['port-forward', id, '0:8080'], { onStart })).toMatchObject({ code: 0, stderr: '' });
    expect(await answered.promise).toContain('root:');
  });

  test('metrics and timeout', async () => {
    expect((await sandglass(['sandbox', 'metrics', id])).stdout).toMatch(/^Memory: .* of 134\.2 MB/m);
    expect((await sandglass(['sandbox', 'timeout', id, '1h'])).stdout).toMatch(/\(in (59|60)m\)|\(in 1h\)/);
  });

  test('a command in the background is found and attached to after the executor has been started again', async () => {
    const line = 'echo before; while [ ! -e /go ]; do sleep 0.05; done; echo after; exit 6';
    const waiting = await sandglass(['exec', '-d', '--tag', 'job', id, '--', 'sh', '-c', line]);
    expect(waiting).toMatchObject({ code: 0, stderr: '' });
    const pid = waiting.stdout.trim();
    await system.executor.stop();
    await system.run();
    expect((await sandglass(['ps', id])).stdout).toMatch(new RegExp(`^${pid} +job `, 'm'));
    const onStart: RunCliOptions['onStart'] = (child) => child.stdout?.once('data', () => void sandglass(['exec', id, 'touch', '/go']));
    expect(await sandglass(['attach', '--from', '0', id, pid], { onStart })).toEqual({ code: 6, stdout: 'before\nafter\n', stderr: '' });
  });

  test('exec goes on while the executor is started again', async () => {
    const onStart: RunCliOptions['onStart'] = (child) => {
      child.stdout?.once('data', () => {
        const restart = async () => {
          await system.executor.stop();
          await system.run();
          await sandglass(['exec', id, 'touch', '/go-on']);
        };
        void restart();
      });
    };
    const line = 'echo before; while [ ! -e /go-on ]; do sleep 0.05; done; echo after; exit 7';
    const result = await sandglass(['exec', id, '--', 'sh', '-c', line], { stdin: { how: 'none' }, onStart });
    expect(result).toEqual({ code: 7, stdout: 'before\nafter\n', stderr: '' });
  });
});
