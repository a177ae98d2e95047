import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Sandglass, type SandglassOptions } from '../../sdk/src/index.ts';
import { apiExecutor, apiSandbox, apiSnapshot, EXECUTOR_ID, SANDBOX_ID, SNAPSHOT_ID } from '../support/api-objects.ts';
import { FakeApi, type Route } from '../support/fake-api.ts';

const NS = '/v1/namespaces/default';
const SANDBOXES = `${NS}/sandboxes`;
const SANDBOX = `${SANDBOXES}/${SANDBOX_ID}`;

let api: FakeApi;
beforeEach(async () => {
  api = await FakeApi.start();
});
afterEach(() => api.close());

const client = (options: SandglassOptions = {}) => new Sandglass({ url: api.url, retry: { baseMs: 1, maxMs: 1000 }, ...options });
const answer =
  (status: number, body: unknown): Route =>
  (_request, reply) =>
    reply.json(status, body);
async function collected<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}
const busy: Route = (_request, reply) => reply.error(503, 'unavailable', 'shutting_down', 'going down');
const hangUp: Route = (_request, reply) => reply.hangUp();

describe('requests', () => {
  test('carry the key in a header and never in the URL', async () => {
    api.on(`GET ${SANDBOX}`, answer(200, apiSandbox()));
    expect(await client({ apiKey: 'sg_secret' }).sandboxes.get(SANDBOX_ID)).toEqual(apiSandbox());
    const [request] = api.requests;
    expect(request?.headers.authorization).toBe('Bearer sg_secret');
    expect(`${request?.path}?${request?.query}`).not.toContain('sg_secret');
  });

  test('go to the namespace of the client, below the path of its URL', async () => {
    api.on('GET /proxy/v1/namespaces/team-a/sandboxes/sb-1', answer(200, apiSandbox()));
    await client({ url: `${api.url}/proxy/`, namespace: 'team-a' }).sandboxes.get('sb-1');
    expect(api.requests).toHaveLength(1);
  });

  test('keep a strange id within its segment', async () => {
    await expect(client().sandboxes.get('../../x?y')).rejects.toMatchObject({ status: 404 });
    expect(api.requests[0]?.path).toBe(`${SANDBOXES}/..%2F..%2Fx%3Fy`);
    await expect(client().sandboxes.get('..')).rejects.toMatchObject({ reason: 'invalid_options' });
  });

  test.each([
    ['http://user:pass@localhost:1', /credentials/],
    ['ftp://localhost', /not the URL of a server/],
    ['localhost:8900', /not the URL of a server/],
    ['', /not the URL of a server/],
  ])('are not made to %j', (url, message) => {
    expect(() => new Sandglass({ url })).toThrow(message);
  });

  test('are not made with a key that would break a header, and the error does not show it', () => {
    expect(() => client({ apiKey: 'sg_a\nb' })).toThrow(/API key/);
    expect(() => client({ apiKey: 'sg_a\nb' })).not.toThrow(/sg_a/);
  });

  test('end with the reason of their signal', async () => {
    const controller = new AbortController();
    api.on(`GET ${SANDBOX}`, () => controller.abort(new Error('enough')));
    await expect(client().sandboxes.get(SANDBOX_ID, { signal: controller.signal })).rejects.toThrow('enough');
    expect(api.requests).toHaveLength(1);
  });
});

describe('errors', () => {
  test('carry what the server says', async () => {
    api.on(`GET ${SANDBOX}`, (_request, reply) => reply.error(404, 'not_found', 'sandbox_not_found', 'no sandbox', { field: 'id' }));
    await expect(client().sandboxes.get(SANDBOX_ID)).rejects.toMatchObject({
      name: 'SandglassError',
      status: 404,
      code: 'not_found',
      reason: 'sandbox_not_found',
      message: 'no sandbox',
      details: { field: 'id' },
      requestId: 'req-1',
    });
  });

  test('tell when whatever answers is not Sandglass', async () => {
    api.on('GET /version', (_request, reply) => reply.text(200, '<html>'));
    await expect(client().version()).rejects.toMatchObject({
      reason: 'unexpected_answer',
      message: expect.stringContaining('is it a Sandglass server'),
    });
    api.on('GET /version', (_request, reply) => reply.text(502, '<html>bad gateway'));
    await expect(client().version()).rejects.toMatchObject({ status: 502, message: expect.stringContaining('<html>bad gateway') });
  });

  test('name the address that cannot be reached, and why', async () => {
    await api.close();
    const error = client().version();
    await expect(error).rejects.toMatchObject({ reason: 'unreachable', code: 'unavailable' });
    await expect(error).rejects.toThrow(new RegExp(`cannot reach ${api.url}: .*ECONNREFUSED`));
    api = await FakeApi.start();
  });
});

describe('repetition', () => {
  test('a read is repeated after a broken connection, 429 and 503', async () => {
    const limited: Route = (_request, reply) => reply.error(429, 'resource_exhausted', 'too_many_requests', 'slow down');
    api.on(`GET ${SANDBOX}`, hangUp, limited, busy, answer(200, apiSandbox()));
    expect(await client().sandboxes.get(SANDBOX_ID)).toEqual(apiSandbox());
    expect(api.requests).toHaveLength(4);
  });

  test('ends after maxAttempts with the last error', async () => {
    api.on(`GET ${SANDBOX}`, busy);
    await expect(client({ retry: { maxAttempts: 2, baseMs: 1 } }).sandboxes.get(SANDBOX_ID)).rejects.toMatchObject({
      reason: 'shutting_down',
    });
    expect(api.requests).toHaveLength(2);
  });

  test('does not wait for a server that asks for too long', async () => {
    api.on(`GET ${SANDBOX}`, (_request, reply) => reply.text(503, '', { 'retry-after': '60' }));
    await expect(client().sandboxes.get(SANDBOX_ID)).rejects.toMatchObject({ status: 503, retryAfterMs: 60_000 });
    expect(api.requests).toHaveLength(1);
  });

  test('does not touch what the caller got wrong', async () => {
    api.on(`GET ${SANDBOX}`, (_request, reply) => reply.error(400, 'invalid_argument', 'invalid_request', 'no'));
    await expect(client().sandboxes.get(SANDBOX_ID)).rejects.toMatchObject({ status: 400 });
    expect(api.requests).toHaveLength(1);
  });

  test('a create is repeated under one idempotency key, and every create has its own', async () => {
    const inProgress: Route = (_request, reply) => reply.error(409, 'aborted', 'idempotency_key_in_progress', 'wait');
    api.on(`POST ${SANDBOXES}`, hangUp, inProgress, answer(202, { sandbox_id: SANDBOX_ID, status: 'pending' }));
    const sandglass = client();
    expect(await sandglass.sandboxes.create({ image: 'debian' })).toEqual({ sandbox_id: SANDBOX_ID, status: 'pending' });
    await sandglass.sandboxes.create();
    const [first, second, third, other] = api.requests.map(({ headers }) => headers['idempotency-key']);
    expect(first).toMatch(/^[0-9a-f]{32}$/);
    expect([second, third]).toEqual([first, first]);
    expect(other).not.toBe(first);
  });

  test('a call that is never repeated ends with the reason of its signal too', async () => {
    const controller = new AbortController();
    api.on(`POST ${SANDBOX}/exec`, () => controller.abort(new Error('enough')));
    await expect(client().sandboxes.exec(SANDBOX_ID, { shell: 'make' }, { signal: controller.signal })).rejects.toThrow('enough');
  });

  test('a command is never repeated: it could run twice', async () => {
    api.on(`POST ${SANDBOX}/exec`, hangUp);
    await expect(client().sandboxes.exec(SANDBOX_ID, { shell: 'make' })).rejects.toMatchObject({ reason: 'unreachable' });
    expect(api.requests).toHaveLength(1);
    expect(api.requests[0]?.headers['idempotency-key']).toBeUndefined();
  });
});

describe('sandboxes', () => {
  test('create with wait resolves when a command can run, however many requests the wait takes', async () => {
    api.on(`POST ${SANDBOXES}`, answer(202, { sandbox_id: SANDBOX_ID, status: 'pending' }));
    api.on(`GET ${SANDBOX}`, answer(202, apiSandbox({ status: 'starting' })), answer(200, apiSandbox()));
    const sandbox = await client().sandboxes.create({ image: 'debian' }, { wait: true });
    expect(sandbox).toEqual(apiSandbox());
    expect(api.requests[0]?.body).toEqual({ image: 'debian' });
    expect(api.requests.slice(1).map(({ query }) => query.get('wait'))).toEqual(['running', 'running']);
  });

  test('a wait with onProgress shows the sandbox as it is, about every second', async () => {
    const starting = apiSandbox({ status: 'starting', progress: { phase: 'pull', bytes_done: 1 } });
    api.on(`GET ${SANDBOX}`, answer(202, starting), answer(200, apiSandbox()));
    const seen: unknown[] = [];
    await client().sandboxes.waitUntilRunning(SANDBOX_ID, { onProgress: (sandbox) => seen.push(sandbox) });
    expect(seen).toEqual([starting]);
    expect(api.requests[0]?.query.get('timeout_secs')).toBe('1');
  });

  test('a wait tells what kept the sandbox from running', async () => {
    api.on(`GET ${SANDBOX}`, (_request, reply) =>
      reply.error(422, 'not_found', 'image_not_found', 'no image "x"', { sandbox_id: SANDBOX_ID }),
    );
    await expect(client().sandboxes.waitUntilRunning(SANDBOX_ID)).rejects.toMatchObject({ reason: 'image_not_found' });
  });

  test('a wait ends after its time', async () => {
    api.on(`GET ${SANDBOX}`, () => {});
    const wait = client().sandboxes.waitUntilRunning(SANDBOX_ID, { timeoutMs: 20 });
    await expect(wait).rejects.toMatchObject({ reason: 'wait_timed_out', code: 'deadline_exceeded' });
  });

  test('a list fetches page after page as the loop gets there', async () => {
    const item = (n: number) => apiSandbox({ sandbox_id: `sb-${n}` });
    api.on(`GET ${SANDBOXES}`, ({ query }, reply) => {
      const pages: Record<string, object> = {
        first: { sandboxes: [item(1), item(2)], next_cursor: 'a' },
        a: { sandboxes: [], next_cursor: 'b' },
        b: { sandboxes: [item(3)] },
      };
      reply.json(200, pages[query.get('cursor') ?? 'first']);
    });
    const list = client().sandboxes.list({ status: 'running', label: { team: 'a', tier: 'b=c' } }, { pageSize: 2 });
    expect(api.requests).toHaveLength(0);
    const seen: string[] = [];
    for await (const { sandbox_id } of list) {
      seen.push(`${sandbox_id}@${api.requests.length}`);
    }
    expect(seen).toEqual(['sb-1@1', 'sb-2@1', 'sb-3@3']);
    expect(api.requests[0]?.query.toString()).toBe('status=running&label=team%3Da&label=tier%3Db%3Dc&limit=2');
    expect(await list.page('b')).toEqual({ items: [item(3)], next_cursor: undefined });
  });

  test('delete, pause, resume and fork go to their routes', async () => {
    const forked = { snapshot_id: SNAPSHOT_ID, sandboxes: [{ sandbox_id: 'sb-2', status: 'pending' }] };
    api.on(`DELETE ${SANDBOX}`, answer(200, apiSandbox({ status: 'stopping' })));
    api.on(`POST ${SANDBOX}/pause`, answer(200, apiSandbox({ status: 'paused' })));
    api.on(`POST ${SANDBOX}/resume`, answer(200, apiSandbox()));
    api.on(`POST ${SANDBOX}/fork`, answer(202, forked));
    const { sandboxes } = client();
    expect((await sandboxes.delete(SANDBOX_ID)).status).toBe('stopping');
    expect((await sandboxes.pause(SANDBOX_ID)).status).toBe('paused');
    expect((await sandboxes.resume(SANDBOX_ID)).status).toBe('running');
    expect(await sandboxes.fork(SANDBOX_ID, { count: 1 })).toEqual(forked);
  });

  test('exec returns what the command printed, whatever its exit code', async () => {
    const result = { exit_code: 3, stdout: 'out', stderr: 'err', stdout_truncated: false, stderr_truncated: false, duration_ms: 4 };
    api.on(`POST ${SANDBOX}/exec`, answer(200, result));
    expect(await client().sandboxes.exec(SANDBOX_ID, { cmd: 'ls', args: ['-l'], cwd: '/tmp' })).toEqual(result);
    expect(api.requests[0]?.body).toEqual({ cmd: 'ls', args: ['-l'], cwd: '/tmp' });
  });
});

describe('execStream', () => {
  const collect = () => collected(client().sandboxes.execStream(SANDBOX_ID, { shell: 'make' }));

  test('yields output as it comes, then the exit', async () => {
    api.on(`POST ${SANDBOX}/exec`, (request, reply) => {
      expect(request.headers.accept).toBe('text/event-stream');
      const stream = reply.stream(': keepalive\n\n');
      stream.event('stdout', { data: 'a\nb' });
      stream.event('stderr', { data: 'é' });
      stream.event('exit', { exit_code: 2, duration_ms: 5 });
      stream.end();
    });
    expect(await collect()).toEqual([{ stdout: 'a\nb' }, { stderr: 'é' }, { exit: { exit_code: 2, duration_ms: 5 } }]);
  });

  test('throws the error that the stream carries', async () => {
    api.on(`POST ${SANDBOX}/exec`, (_request, reply) => {
      const stream = reply.stream();
      stream.event('error', { error: { code: 'deadline_exceeded', reason: 'exec_timeout', message: 'too long' } });
      stream.end();
    });
    await expect(collect()).rejects.toMatchObject({ reason: 'exec_timeout', message: 'too long' });
  });

  test.each(['end', 'hangUp'] as const)('tells a stream that ends without an exit: %s', async (how) => {
    api.on(`POST ${SANDBOX}/exec`, (_request, reply) => {
      const stream = reply.stream();
      stream.event('stdout', { data: 'a' });
      stream[how]();
    });
    await expect(collect()).rejects.toMatchObject({ reason: expect.stringMatching(/stream_ended|unreachable/) });
  });

  test('closes the connection when the loop is left, so that the command is killed', async () => {
    const closed = Promise.withResolvers<void>();
    api.on(`POST ${SANDBOX}/exec`, (_request, reply) => {
      const stream = reply.stream();
      stream.event('stdout', { data: 'a' });
      void stream.closed.then(closed.resolve);
    });
    for await (const event of client().sandboxes.execStream(SANDBOX_ID, { shell: 'yes' })) {
      expect(event).toEqual({ stdout: 'a' });
      break;
    }
    await closed.promise;
  });

  test('closes the connection when aborted', async () => {
    const controller = new AbortController();
    const closed = Promise.withResolvers<void>();
    api.on(`POST ${SANDBOX}/exec`, (_request, reply) => {
      const stream = reply.stream();
      stream.event('stdout', { data: 'a' });
      void stream.closed.then(closed.resolve);
    });
    const events = client().sandboxes.execStream(SANDBOX_ID, { shell: 'yes' }, { signal: controller.signal });
    await events.next();
    controller.abort(new Error('enough'));
    await expect(events.next()).rejects.toThrow('enough');
    await closed.promise;
  });
});

describe('executors and probes', () => {
  test('lists, gets, cordons', async () => {
    api.on('GET /v1/executors', answer(200, { executors: [apiExecutor()] }));
    api.on(`GET /v1/executors/${EXECUTOR_ID}`, answer(200, apiExecutor()));
    api.on(`POST /v1/executors/${EXECUTOR_ID}/cordon`, answer(200, apiExecutor({ cordoned: true })));
    api.on(`POST /v1/executors/${EXECUTOR_ID}/uncordon`, answer(200, apiExecutor()));
    const { executors } = client();
    expect(await executors.list()).toEqual([apiExecutor()]);
    expect(await executors.get(EXECUTOR_ID)).toEqual(apiExecutor());
    expect((await executors.cordon(EXECUTOR_ID)).cordoned).toBe(true);
    expect((await executors.uncordon(EXECUTOR_ID)).cordoned).toBe(false);
  });

  test('ready tells why not, without repeating the question', async () => {
    const answered = { ready: false, reasons: ['the store is opening'] };
    api.on('GET /ready', answer(503, answered));
    expect(await client().ready()).toEqual(answered);
    expect(api.requests).toHaveLength(1);
  });
});

describe('restore', () => {
  test('of one answers with one, and with a count with all', async () => {
    const facts = { restored_from_snapshot: true, ttl_expired: false };
    const one = { sandbox_id: SANDBOX_ID, status: 'pending', ...facts };
    const many = { sandboxes: [{ sandbox_id: SANDBOX_ID, status: 'pending' }], ...facts };
    api.on(`POST ${NS}/snapshots/${SNAPSHOT_ID}/restore`, answer(202, one), answer(202, many));
    const { snapshots } = client();
    expect((await snapshots.restore(SNAPSHOT_ID, { force: true })).sandbox_id).toBe(SANDBOX_ID);
    expect((await snapshots.restore(SNAPSHOT_ID, { count: 1 })).sandboxes).toHaveLength(1);
    expect(api.requests.map(({ body }) => body)).toEqual([{ force: true }, { count: 1 }]);
  });

  test('a snapshot list is filtered by sandbox, name, status and label', async () => {
    api.on(`GET ${NS}/snapshots`, answer(200, { snapshots: [apiSnapshot()] }));
    const list = client().snapshots.list({ sandbox_id: SANDBOX_ID, name: 'n', status: 'active', label: { a: 'b' } });
    expect(await collected(list)).toEqual([apiSnapshot()]);
    expect(api.requests[0]?.query.toString()).toBe(`sandbox_id=${SANDBOX_ID}&name=n&status=active&label=a%3Db`);
  });
});
