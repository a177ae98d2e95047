import { expect, test } from 'vitest';
import { SandglassError } from '../../src/model/errors.ts';
import { bytes, killed } from '../support/fake-command-runner.ts';
import { eventsOf, RestWorld } from '../support/rest-world.ts';

const SSE = { accept: 'text/event-stream' };

async function worldWithSandbox() {
  const api = await RestWorld.create();
  const { id } = await api.world.runningSandbox({
    env: { FROM: 'sandbox', BOTH: 'sandbox' },
    secrets: { SECRET: 's3' },
    workdir: '/home',
  });
  return { api, path: `sandboxes/${id}/exec`, id };
}

test('a command runs with an environment of its own, and answers with what it printed', async () => {
  const { api, path, id } = await worldWithSandbox();
  api.commands.script = async function* ({ stdin }) {
    yield { stdout: bytes(`read ${await stdin}`) };
    yield { stderr: bytes('oh') };
    yield { exitCode: 3 };
  };
  const body = { cmd: 'cat', args: ['-n'], env: { BOTH: 'command' }, stdin: 'grüße', user: 'nobody' };
  const answer = await api.call('POST', path, { body });
  expect(answer).toMatchObject({ status: 200, body: { exit_code: 3, stdout: 'read grüße', stderr: 'oh', stdout_truncated: false } });
  expect(api.commands.requests).toEqual([
    {
      executorId: api.executor.id,
      sandboxId: id,
      command: ['cat', '-n'],
      // What every process of the sandbox gets has been told to the guest.
      env: { BOTH: 'command' },
      stdin: true,
      user: 'nobody',
    },
  ]);
});

test('shell runs a line in /bin/sh', async () => {
  const { api, path } = await worldWithSandbox();
  await api.call('POST', path, { body: { shell: 'echo $FROM', cwd: '/tmp' } });
  expect(api.commands.requests[0]).toMatchObject({ command: ['/bin/sh', '-c', 'echo $FROM'], workdir: '/tmp' });
});

test('an image without a shell is told from a program that is missing', async () => {
  const { api, path } = await worldWithSandbox();
  api.commands.script = async function* () {
    throw new SandglassError('command_not_found', 'no such file');
    // biome-ignore lint/correctness/noUnreachable: it makes this a generator.
    yield { exitCode: 0 };
  };
  expect(await api.call('POST', path, { body: { shell: 'true' } })).toMatchObject({
    status: 400,
    body: { error: { reason: 'shell_not_found' } },
  });
  expect(await api.call('POST', path, { body: { cmd: 'nope' } })).toMatchObject({
    status: 400,
    body: { error: { reason: 'command_not_found', message: 'no such file' } },
  });
});

test('output beyond the limit is dropped between characters, and the answer says so', async () => {
  const { api, path } = await worldWithSandbox();
  api.commands.script = async function* () {
    yield { stdout: bytes('aä') };
    yield { stdout: bytes('more') };
    yield { exitCode: 0 };
  };
  const { body } = await api.call('POST', path, { body: { cmd: 'x', max_output_bytes: 2 } });
  expect(body).toMatchObject({ stdout: 'a', stdout_truncated: true, stderr_truncated: false });
});

test('base64 carries bytes that are no text, both ways', async () => {
  const { api, path } = await worldWithSandbox();
  let read = '';
  api.commands.script = async function* ({ stdin }) {
    read = await stdin;
    yield { stdout: new Uint8Array([255, 0, 1]) };
    yield { exitCode: 0 };
  };
  const { body } = await api.call('POST', path, { body: { cmd: 'x', encoding: 'base64', stdin: 'aGk=', stdin_encoding: 'base64' } });
  expect(read).toBe('hi');
  expect(body.stdout).toBe('/wAB');
});

test('a command that runs too long is killed', async () => {
  const { api, path } = await worldWithSandbox();
  const started = Promise.withResolvers<void>();
  api.commands.script = async function* ({ signal }) {
    started.resolve();
    await killed(signal);
    yield { exitCode: 137 };
  };
  const answer = api.call('POST', path, { body: { cmd: 'sleep', timeout_secs: 7 } });
  await started.promise;
  api.world.clock.advance(7000);
  expect(await answer).toMatchObject({ status: 408, body: { error: { reason: 'exec_timeout', details: { stdout: '' } } } });
  await killed(api.commands.signals[0] as AbortSignal);
});

test('a command whose output breaks off is an error, not a success', async () => {
  const { api, path } = await worldWithSandbox();
  api.commands.script = async function* () {
    yield { stdout: bytes('half') };
  };
  expect(await api.call('POST', path, { body: { cmd: 'x' } })).toMatchObject({
    status: 503,
    body: { error: { reason: 'guest_unavailable' } },
  });
});

test('as an event stream the output comes while the command runs, cut between characters', async () => {
  const { api, path } = await worldWithSandbox();
  const [head, tail] = [bytes('ä').subarray(0, 1), bytes('ä').subarray(1)];
  const seen = Promise.withResolvers<void>();
  api.commands.script = async function* () {
    yield { stdout: new Uint8Array([...bytes('x'), ...head]) };
    await seen.promise;
    yield { stdout: tail };
    yield { stderr: bytes('err') };
    yield { exitCode: 0 };
  };
  const events = eventsOf(await api.send('POST', path, { body: { cmd: 'x' }, headers: SSE }));
  expect((await events.next()).value).toEqual({ event: 'stdout', data: { data: 'x' } });
  seen.resolve();
  expect(await Array.fromAsync(events)).toEqual([
    { event: 'stdout', data: { data: 'ä' } },
    { event: 'stderr', data: { data: 'err' } },
    { event: 'exit', data: { exit_code: 0, duration_ms: 0 } },
  ]);
});

test('an event stream of a command that runs too long ends with the error', async () => {
  const { api, path } = await worldWithSandbox();
  const started = Promise.withResolvers<void>();
  api.commands.script = async function* ({ signal }) {
    started.resolve();
    await killed(signal);
    yield { exitCode: 137 };
  };
  const response = await api.send('POST', path, { body: { cmd: 'sleep', timeout_secs: 1 }, headers: SSE });
  await started.promise;
  api.world.clock.advance(1000);
  expect(await Array.fromAsync(eventsOf(response))).toMatchObject([{ event: 'error', data: { error: { reason: 'exec_timeout' } } }]);
});

test.each(['json', 'events'])('a client that goes away has its command killed: %s', async (kind) => {
  const { api, path } = await worldWithSandbox();
  const [started, dead] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  api.commands.script = async function* ({ signal }) {
    yield { stdout: bytes('x') };
    started.resolve();
    await killed(signal);
    dead.resolve();
  };
  const client = new AbortController();
  const request = api.send('POST', path, { body: { cmd: 'sleep' }, headers: kind === 'events' ? SSE : {} }, client.signal);
  const gone = request.then((response) => response.text()).catch(() => 'gone');
  await started.promise;
  client.abort();
  expect(await gone).toBe('gone');
  await dead.promise;
});

test('a reader that does not read has the command wait', async () => {
  const { api, path } = await worldWithSandbox();
  const chunk = new Uint8Array(64 * 1024).fill(97);
  let produced = 0;
  api.commands.script = async function* ({ signal }) {
    while (!signal.aborted && produced < 4096) {
      produced++;
      yield { stdout: chunk };
    }
    yield { exitCode: 0 };
  };
  const client = new AbortController();
  const response = await api.send('POST', path, { body: { cmd: 'yes' }, headers: SSE }, client.signal);
  // Nothing is read: the output stops at what sockets and buffers hold, long before its 256 MiB.
  let before = -1;
  while (produced !== before) {
    before = produced;
    await api.call('GET', '/health');
    await api.call('GET', '/health');
  }
  expect(produced).toBeGreaterThan(0);
  expect(produced).toBeLessThan(1024);
  client.abort();
  await response.text().catch(() => {});
});

test.each([
  ['paused', 'resume it first'],
  ['terminated', 'it has ended'],
] as const)('a %s sandbox runs no commands, and the error says what to do', async (status, remedy) => {
  const { api, path, id } = await worldWithSandbox();
  await (status === 'paused'
    ? api.call('POST', `sandboxes/${id}/pause?wait=paused`)
    : api.call('DELETE', `sandboxes/${id}?wait=terminated`));
  const answer = await api.call('POST', path, { body: { cmd: 'true' } });
  expect(answer).toMatchObject({ status: 409, body: { error: { reason: 'sandbox_not_running', details: { status } } } });
  expect(answer.body.error.message).toContain(remedy);
});

test.each([
  [{}, 'cmd'],
  [{ cmd: 'a', shell: 'b' }, 'shell'],
  [{ shell: 'b', args: ['c'] }, 'args'],
  [{ cmd: '' }, 'cmd'],
  [{ cmd: 'a\0b' }, 'cmd'],
  [{ cmd: 'a', timeout_secs: 0 }, 'timeout_secs'],
  [{ cmd: 'a', stdin: '!', stdin_encoding: 'base64' }, 'stdin'],
])('a command that is wrong is refused with its field: %j', async (body, field) => {
  const { api, path } = await worldWithSandbox();
  expect(await api.call('POST', path, { body })).toMatchObject({ status: 400, body: { error: { details: { field } } } });
  expect(api.commands.requests).toEqual([]);
});
