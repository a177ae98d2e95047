import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { HostGuest } from '../support/host-guest.ts';
import { eventsOf, RestWorld } from '../support/rest-world.ts';

let guest: HostGuest;
beforeAll(async () => {
  guest = await HostGuest.start({ env: { FROM_INIT: 'init' }, workdir: '/tmp' });
});
afterAll(() => guest?.close());

async function worldWithGuest() {
  const api = await RestWorld.create({ guests: { connectGuest: () => guest.connect() } });
  const { id } = await api.world.runningSandbox();
  const path = `sandboxes/${id}/processes`;
  const start = async (body: object): Promise<number> => {
    const answer = await api.call('POST', path, { body });
    expect(answer.status).toBe(201);
    return answer.body.pid;
  };
  const attach = async (pid: number, query = '') => eventsOf(await api.send('GET', `${path}/${pid}/output?${query}`));
  return { api, id, path, start, attach };
}

/** Whether a process runs; one that has ended, and that nobody has waited for, does not. */
function isAlive(pid: number): boolean {
  try {
    return !/^State:\tZ/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

test('a process goes on without its client, is listed, and is attached to with all that it printed', async () => {
  const { api, path, start, attach } = await worldWithGuest();
  const pid = await start({
    shell: 'echo $FROM_INIT-$OWN; read line; echo "got $line" >&2; exit 7',
    env: { OWN: 'own' },
    stdin: true,
    tag: 't',
  });
  expect((await api.call('GET', path)).body.processes).toContainEqual({ pid, cmd: '/bin/sh', args: ['-c', expect.any(String)], tag: 't' });
  expect((await api.call('POST', `${path}/${pid}/stdin?close=true`, { body: 'grüße\n' })).status).toBe(204);
  expect(await Array.fromAsync(await attach(pid, 'from=0'))).toEqual([
    { event: 'start', data: { pid } },
    { event: 'stdout', data: { data: 'init-own\n' } },
    { event: 'stderr', data: { data: 'got grüße\n' } },
    { event: 'exit', data: { exit_code: 7 } },
  ]);
  expect((await api.call('GET', path)).body.processes.map((one: { pid: number }) => one.pid)).not.toContain(pid);
});

test('bytes that are no text go in and come out as they are, with their offset', async () => {
  const { api, path, start, attach } = await worldWithGuest();
  const bytes = randomBytes(1_000_000);
  const pid = await start({ cmd: 'cat', stdin: true });
  const events = await attach(pid, 'encoding=base64');
  const written = fetch(`${api.url}/v1/namespaces/default/${path}/${pid}/stdin?close=true`, {
    method: 'POST',
    body: bytes,
    headers: { 'content-type': 'image/png' },
  });
  const pieces: Buffer[] = [];
  for await (const { event, data } of events) {
    if (event !== 'stdout') continue;
    expect(data.offset).toBe(pieces.reduce((sum, piece) => sum + piece.length, 0));
    pieces.push(Buffer.from(String(data.data), 'base64'));
  }
  expect((await written).status).toBe(204);
  expect(Buffer.concat(pieces).equals(bytes)).toBe(true);
});

test('what was printed can be read again from where a client had come to', async () => {
  const { start, attach } = await worldWithGuest();
  const pid = await start({ shell: 'printf 0123456789; read line', stdin: true });
  const events = await attach(pid, 'from=4&encoding=base64');
  await events.next();
  expect((await events.next()).value).toEqual({ event: 'stdout', data: { data: Buffer.from('456789').toString('base64'), offset: 4 } });
  await events.return(undefined);
});

test('a signal ends a process with all that it started, and its exit code says which', async () => {
  const { api, path, start, attach } = await worldWithGuest();
  const pid = await start({ shell: 'sleep 1000 & echo $!; wait' });
  const events = await attach(pid, 'from=0');
  await events.next();
  const child = Number((await events.next()).value?.data.data);
  expect((await api.call('POST', `${path}/${pid}/signal`, { body: { signal: 'SIGTERM' } })).status).toBe(204);
  expect(await Array.fromAsync(events)).toEqual([{ event: 'exit', data: { exit_code: 143 } }]);
  await vi.waitFor(() => expect(isAlive(child)).toBe(false), 10_000);
});

test('a terminal is resized', async () => {
  const { api, path, start, attach } = await worldWithGuest();
  const pid = await start({ shell: 'stty size; read line; stty size', pty: { cols: 91, rows: 17 } });
  const events = await attach(pid, 'from=0');
  await events.next();
  expect((await events.next()).value).toEqual({ event: 'pty', data: { data: '17 91\r\n' } });
  expect((await api.call('POST', `${path}/${pid}/resize`, { body: { cols: 50, rows: 20 } })).status).toBe(204);
  expect((await api.call('POST', `${path}/${pid}/stdin`, { body: '\n' })).status).toBe(204);
  const rest = await Array.fromAsync(events);
  expect(rest.map(({ data }) => data.data ?? '').join('')).toContain('20 50');
  expect(rest.at(-1)).toEqual({ event: 'exit', data: { exit_code: 0 } });
});

test('a process is killed when its time is up, whoever is there', async () => {
  const { start, attach } = await worldWithGuest();
  const pid = await start({ cmd: 'sleep', args: ['1000'], timeout_secs: 0.2 });
  expect((await Array.fromAsync(await attach(pid))).at(-1)).toEqual({ event: 'exit', data: { exit_code: 137 } });
});

test('a repetition with the same Idempotency-Key starts nothing', async () => {
  const { api, path } = await worldWithGuest();
  const call = { body: { cmd: 'true' }, headers: { 'idempotency-key': 'once' } };
  const first = await api.call('POST', path, call);
  expect((await api.call('POST', path, call)).body).toEqual(first.body);
});

test.each([
  ['a pid that is none', 'GET', '0/output', undefined, 'pid'],
  ['a pid that is text', 'GET', 'x/output', undefined, 'pid'],
  ['a pid beyond all', 'POST', '4194305/signal', { signal: 'SIGTERM' }, 'pid'],
  ['a signal that is none', 'POST', '1/signal', { signal: 'TERM' }, 'signal'],
  ['a terminal without a size', 'POST', '1/resize', { cols: 0, rows: 1 }, 'cols'],
  ['an offset below 0', 'GET', '1/output?from=-1', undefined, 'from'],
  ['a misspelt parameter', 'POST', '1/stdin?clsoe=true', '', 'clsoe'],
])('%s is refused with its field', async (_what, method, path, body, field) => {
  const { api, path: base } = await worldWithGuest();
  expect(await api.call(method, `${base}/${path}`, { body })).toMatchObject({ status: 400, body: { error: { details: { field } } } });
});

test.each([
  ['a program that is missing', { cmd: '/nosuch' }, 400, 'command_not_found'],
  ['a user that is missing', { cmd: 'true', user: 'nosuch' }, 400, 'invalid_user'],
  ['a directory that is missing', { cmd: 'true', cwd: '/nosuch' }, 400, 'invalid_workdir'],
  ['both cmd and shell', { cmd: 'true', shell: 'true' }, 400, 'invalid_request'],
])('%s is an error with its reason', async (_what, body, status, reason) => {
  const { api, path } = await worldWithGuest();
  expect(await api.call('POST', path, { body })).toMatchObject({ status, body: { error: { reason } } });
});

test('a process that is not there is 404 on every route', async () => {
  const { api, path } = await worldWithGuest();
  for (const [method, route, body] of [
    ['GET', 'output', undefined],
    ['POST', 'stdin', 'x'],
    ['POST', 'signal', { signal: 'SIGTERM' }],
    ['POST', 'resize', { cols: 1, rows: 1 }],
  ] as const) {
    const answer = await api.call(method, `${path}/4194303/${route}`, { body });
    expect([route, answer.status, answer.body.error.reason]).toEqual([route, 404, 'process_not_found']);
  }
});

test('a paused sandbox is told to be resumed', async () => {
  const { api, id, path } = await worldWithGuest();
  await api.call('POST', `sandboxes/${id}/pause?wait=paused`);
  const answer = await api.call('GET', path);
  expect(answer).toMatchObject({ status: 409, body: { error: { reason: 'sandbox_not_running' } } });
  expect(answer.body.error.message).toContain('resume it first');
});

test('exec runs a real command: both streams, exit code, input, a shell, a signal', async () => {
  const { api, id } = await worldWithGuest();
  const exec = async (body: object) => (await api.call('POST', `sandboxes/${id}/exec`, { body })).body;
  expect(await exec({ shell: 'pwd; echo err >&2; exit 3' })).toMatchObject({ exit_code: 3, stdout: '/tmp\n', stderr: 'err\n' });
  expect(await exec({ cmd: 'cat', stdin: 'grüße' })).toMatchObject({ exit_code: 0, stdout: 'grüße' });
  expect(await exec({ cmd: 'cat' })).toMatchObject({ exit_code: 0, stdout: '' });
  expect(await exec({ shell: 'kill -SEGV $$' })).toMatchObject({ exit_code: 139 });
  expect(await exec({ cmd: 'true', stdin: 'x'.repeat(900_000) })).toMatchObject({ exit_code: 0 });
});

test('a hundred commands at once each get their own output', async () => {
  const { api, id } = await worldWithGuest();
  const outputs = await Promise.all(
    Array.from(
      { length: 100 },
      async (_, i) => (await api.call('POST', `sandboxes/${id}/exec`, { body: { shell: `echo ${i}` } })).body.stdout,
    ),
  );
  expect(outputs).toEqual(Array.from({ length: 100 }, (_, i) => `${i}\n`));
});

test('a client of exec that goes away has its command killed, with all that it started', async () => {
  const { api, id } = await worldWithGuest();
  const client = new AbortController();
  const body = { shell: 'sleep 1000 & echo $!; wait' };
  const response = await api.send('POST', `sandboxes/${id}/exec`, { body, headers: { accept: 'text/event-stream' } }, client.signal);
  const child = Number((await eventsOf(response).next()).value?.data.data);
  client.abort();
  await vi.waitFor(() => expect(isAlive(child)).toBe(false), 10_000);
});
