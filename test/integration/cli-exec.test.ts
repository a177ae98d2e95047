import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { SANDBOX_ID } from '../support/api-objects.ts';
import { FakeApi, type Route } from '../support/fake-api.ts';
import { printEvents } from '../support/printed.ts';
import { type RunCliOptions, runCli, runCliForBytes } from '../support/run-cli.ts';

const PROCESSES = `/v1/namespaces/default/sandboxes/${SANDBOX_ID}/processes`;
const START = `POST ${PROCESSES}`;
const STDIN = `POST ${PROCESSES}/7/stdin`;
const SIGNAL = `POST ${PROCESSES}/7/signal`;
const NO_STDIN = { how: 'none' } as const;

let api: FakeApi;
beforeEach(async () => {
  api = await FakeApi.start();
  api.on(STDIN, done);
  api.on(SIGNAL, done);
});
afterEach(() => api.close());

const done: Route = (_request, reply) => reply.bytes(204, new Uint8Array());

/** Runs the CLI against the fake server; `command` is split at spaces. */
function sandglass(command: string, { env, ...options }: RunCliOptions = {}) {
  return runCli(command.split(' '), { ...options, env: { SANDGLASS_URL: api.url, ...env } });
}

/** Lets a test send signals to the process of the CLI. */
function withChild() {
  let send = (_name: NodeJS.Signals) => {};
  const onStart: RunCliOptions['onStart'] = (child) => {
    send = (name) => void child.kill(name);
  };
  return { onStart, send: (name: NodeJS.Signals) => send(name) };
}

const signalsSent = () => api.requestsOf(SIGNAL).map(({ body }) => (body as { signal: string }).signal);

describe.each(['exec', 'sandbox exec'])('%s', (exec) => {
  test('passes output, input, options and the exit code through', async () => {
    api.on(START, async (_request, reply) => {
      printEvents(reply, 7, [{ stdout: 'out\u001b[1m\n' }, { stderr: 'err' }, { exit: 42 }]);
    });
    const result = await sandglass(`${exec} ${SANDBOX_ID} -e A=1 -w /tmp -u app --tag t --timeout 5m -- grep -r --json x`, {
      stdin: NO_STDIN,
    });
    expect(result).toEqual({ code: 42, stdout: 'out\u001b[1m\n', stderr: 'err' });
    expect(api.requests[0]?.body).toEqual({
      cmd: 'grep',
      args: ['-r', '--json', 'x'],
      env: { A: '1' },
      cwd: '/tmp',
      user: 'app',
      tag: 't',
      timeout_secs: 300,
    });
    expect(api.requests[0]?.headers.accept).toBe('text/event-stream');
  });
});

describe('exec', () => {
  test('passes every byte of what is piped to it and of what is printed', async () => {
    const input = randomBytes(3_000_000);
    const output = randomBytes(1_000_000);
    let print = () => {};
    api.on(START, (_request, reply) => {
      const stream = printEvents(reply, 7, []);
      print = () => {
        for (let at = 0; at < output.length; at += 33_333) {
          stream.event('stdout', { data: output.subarray(at, at + 33_333).toString('base64') });
        }
        stream.event('exit', { exit_code: 0 });
        stream.end();
      };
    });
    api.on(STDIN, (request, reply) => {
      void done(request, reply);
      print();
    });
    const result = await runCliForBytes(['exec', SANDBOX_ID, 'cat'], { stdin: input, env: { SANDGLASS_URL: api.url } });
    expect({ code: result.code, stderr: result.stderr }).toEqual({ code: 0, stderr: '' });
    expect(result.stdout.equals(output)).toBe(true);
    expect(api.requestsOf(START)[0]?.body).toEqual({ cmd: 'cat', args: [], stdin: true });
    const [sent] = api.requestsOf(STDIN);
    expect(sent?.query.get('close')).toBe('true');
    expect(sent?.bytes.equals(input)).toBe(true);
  });

  test('ends with the command, though there is more to read', async () => {
    api.on(START, (_request, reply) => void printEvents(reply, 7, [{ exit: 5 }]));
    expect(await sandglass(`exec ${SANDBOX_ID} true`, { stdin: { how: 'open' } })).toEqual({ code: 5, stdout: '', stderr: '' });
  });

  test('reads nothing from what is neither a pipe nor a file, but with -i', async () => {
    api.on(START, (_request, reply) => void printEvents(reply, 7, [{ exit: 0 }]));
    await sandglass(`exec ${SANDBOX_ID} cat`, { stdin: NO_STDIN });
    await sandglass(`exec -i ${SANDBOX_ID} cat`, { stdin: NO_STDIN });
    expect(api.requestsOf(START).map(({ body }) => (body as { stdin?: boolean }).stdin)).toEqual([undefined, true]);
  });

  test('that the command reads no more is no error', async () => {
    api.on(STDIN, (_request, reply) => reply.error(404, 'not_found', 'process_not_found', 'no process 7'));
    api.on(START, (_request, reply) => {
      const stream = printEvents(reply, 7, [{ stdout: 'first\n' }]);
      setImmediate(() => {
        stream.event('exit', { exit_code: 0 });
        stream.end();
      });
    });
    const result = await sandglass(`exec ${SANDBOX_ID} head`, { stdin: 'first\n'.repeat(100_000) });
    expect(result).toEqual({ code: 0, stdout: 'first\n', stderr: '' });
  });

  test('goes on where the connection breaks off, at the very byte', async () => {
    api.on(START, (_request, reply) => printEvents(reply, 7, [{ stdout: 'ab' }, { stderr: 'c' }]).hangUp());
    api.on(`GET ${PROCESSES}/7/output`, (request, reply) => {
      expect(request.query.get('from')).toBe('3');
      printEvents(reply, 7, [{ stdout: 'd' }, { exit: 3 }]);
    });
    expect(await sandglass(`exec ${SANDBOX_ID} make`, { stdin: NO_STDIN })).toEqual({ code: 3, stdout: 'abd', stderr: 'c' });
    expect(api.requestsOf(START)).toHaveLength(1);
  });

  test.each(['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const)('passes %s on, and ends as the command does', async (name) => {
    const { onStart, send } = withChild();
    const signalled = Promise.withResolvers<void>();
    api.on(SIGNAL, (request, reply) => {
      void done(request, reply);
      signalled.resolve();
    });
    api.on(START, async (_request, reply) => {
      const stream = printEvents(reply, 7, [{ stdout: 'started' }]);
      send(name);
      await signalled.promise;
      stream.event('exit', { exit_code: 9 });
      stream.end();
    });
    expect(await sandglass(`exec ${SANDBOX_ID} sleep 60`, { onStart, stdin: NO_STDIN })).toMatchObject({ code: 9, stderr: '' });
    expect(signalsSent()).toEqual([name]);
  });

  test('a second Ctrl-C kills the command and ends with 130', async () => {
    const { onStart, send } = withChild();
    const second: Route = (request, reply) => {
      void done(request, reply);
      send('SIGINT');
    };
    api.on(SIGNAL, second, done);
    api.on(START, (_request, reply) => {
      printEvents(reply, 7, []);
      send('SIGINT');
    });
    const { code, stderr } = await sandglass(`exec ${SANDBOX_ID} sleep 60`, { onStart, stdin: NO_STDIN });
    expect({ code, stderr }).toEqual({ code: 130, stderr: 'error: interrupted\n' });
    expect(signalsSent().slice(0, 2)).toEqual(['SIGINT', 'SIGKILL']);
  });

  test('ends quietly, and kills the command, when nobody reads the output any more', async () => {
    api.on(START, async (_request, reply) => {
      const stream = printEvents(reply, 7, []);
      let open = true;
      void stream.closed.then(() => {
        open = false;
      });
      const data = Buffer.from('y\n'.repeat(1000)).toString('base64');
      for (; open; await new Promise(setImmediate)) stream.event('stdout', { data });
    });
    const onStart: RunCliOptions['onStart'] = (child) => {
      child.stdout?.once('data', () => child.stdout?.destroy());
    };
    expect(await sandglass(`exec ${SANDBOX_ID} yes`, { onStart, stdin: NO_STDIN })).toMatchObject({ code: 0, stderr: '' });
    expect(signalsSent()).toEqual(['SIGKILL']);
  });

  test('--json prints the result as one document', async () => {
    api.on(START, (_request, reply) => void printEvents(reply, 7, [{ stdout: 'o' }, { stderr: 'e' }, { exit: 3 }]));
    const { code, stdout } = await sandglass(`exec --json ${SANDBOX_ID} -- false`);
    expect(code).toBe(3);
    const result = { exit_code: 3, stdout: 'o', stderr: 'e', stdout_truncated: false, stderr_truncated: false };
    expect(JSON.parse(stdout)).toEqual({ ...result, duration_ms: expect.any(Number) });
  });

  test('--background prints the pid', async () => {
    api.on(START, (_request, reply) => reply.json(201, { pid: 7, cmd: 'make', args: [] }));
    expect(await sandglass(`exec -d ${SANDBOX_ID} make`)).toEqual({ code: 0, stdout: '7\n', stderr: '' });
    expect(api.requests[0]?.body).toEqual({ cmd: 'make', args: [] });
  });

  test('--tty without a terminal is wrong usage, and starts nothing', async () => {
    expect(await sandglass(`exec -t ${SANDBOX_ID} top`)).toMatchObject({ code: 2, stderr: expect.stringContaining('leave out --tty') });
    expect(api.requests).toEqual([]);
  });

  test('a command that does not exist is an error, not an exit code', async () => {
    api.on(START, (_request, reply) => reply.error(400, 'invalid_argument', 'command_not_found', 'no program "nope"'));
    expect(await sandglass(`exec ${SANDBOX_ID} nope`)).toEqual({ code: 1, stdout: '', stderr: 'error: no program "nope"\n' });
  });
});

describe('ps, kill and attach', () => {
  test('ps prints a table in which nothing is left to obey', async () => {
    const processes = [{ pid: 7, cmd: 'sh', args: ['-c', 'echo \u001b[31m'], tag: 'evil\u0007', cwd: '/srv' }];
    api.on(`GET ${PROCESSES}`, (_request, reply) => reply.json(200, { processes }));
    const { stdout } = await sandglass(`ps ${SANDBOX_ID}`);
    expect(stdout).toMatch(/^PID +TAG +FOLDER +COMMAND\n7 +evil\\x07 +\/srv +sh -c "echo \\u001b\[31m"\n$/);
    expect(JSON.parse((await sandglass(`ps --json ${SANDBOX_ID}`)).stdout)).toEqual(processes);
  });

  test.each([
    ['', 'SIGTERM'],
    ['-s kill', 'SIGKILL'],
    ['--signal 1', 'SIGHUP'],
  ])('kill %s sends %s', async (option, name) => {
    expect(await sandglass(`kill ${option} ${SANDBOX_ID} 7`.replace('  ', ' '))).toEqual({ code: 0, stdout: '7\n', stderr: '' });
    expect(signalsSent()).toEqual([name]);
  });

  test('attach shows what is printed, and ends with the exit code', async () => {
    api.on(`GET ${PROCESSES}/7/output`, (_request, reply) => void printEvents(reply, 7, [{ stdout: 'o' }, { stderr: 'e' }, { exit: 4 }]));
    expect(await sandglass(`attach --from 0 ${SANDBOX_ID} 7`)).toEqual({ code: 4, stdout: 'o', stderr: 'e' });
    expect(api.requests[0]?.query.get('from')).toBe('0');
  });

  test('Ctrl-C leaves what is attached to running, and says so', async () => {
    const { onStart, send } = withChild();
    api.on(`GET ${PROCESSES}/7/output`, (_request, reply) => {
      printEvents(reply, 7, []);
      send('SIGINT');
    });
    const { code, stderr } = await sandglass(`attach ${SANDBOX_ID} 7`, { onStart });
    expect({ code, stderr }).toEqual({ code: 130, stderr: 'error: interrupted; process 7 goes on\n' });
    expect(signalsSent()).toEqual([]);
  });

  test('attach tells when output was dropped', async () => {
    api.on(`GET ${PROCESSES}/7/output`, (_request, reply) => {
      const stream = printEvents(reply, 7, []);
      stream.event('stdout', { data: 'YWI=', offset: 100 });
      stream.event('stdout', { data: 'Yg==', offset: 110 });
    });
    expect(await sandglass(`attach --from 0 ${SANDBOX_ID} 7`)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('8 bytes of output were dropped'),
    });
  });
});
