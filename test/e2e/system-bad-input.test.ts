import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { SandglassError } from '../../sdk/src/index.ts';
import { TEST_LABEL } from '../support/engine.ts';
import { FakeRegistry } from '../support/fake-registry.ts';
import { System } from '../support/system.ts';
import { sendRaw } from '../support/system-http.ts';

const NO_SANDBOX = `sb-${'0'.repeat(32)}`;
const NO_SNAPSHOT = `snap-${'0'.repeat(32)}`;
const HOME = '/v1/namespaces/default';
const JSON_TYPE = { 'content-type': 'application/json' };

/** Requests, each with the status, the reason and words of the message of its answer. */
const REFUSED: Readonly<Record<string, readonly [call: string, body: unknown, status: number, reason: string, message: string]>> = {
  'zero CPUs': [`POST ${HOME}/sandboxes`, { resources: { cpus: 0 } }, 400, 'invalid_request', 'resources.cpus must be >= 0.01 (got 0)'],
  'zero memory': [`POST ${HOME}/sandboxes`, { resources: { memory_mb: 0 } }, 400, 'invalid_request', 'resources.memory_mb must be >= 4'],
  'more CPUs than there are': [
    `POST ${HOME}/sandboxes`,
    { resources: { cpus: 1024 } },
    400,
    'invalid_resources',
    'more than any executor has',
  ],
  'more memory than there is': [
    `POST ${HOME}/sandboxes`,
    { resources: { memory_mb: 16_000_000 } },
    400,
    'invalid_resources',
    'more than any executor has',
  ],
  'less memory than the engine takes': [
    `POST ${HOME}/sandboxes?wait=running`,
    { resources: { memory_mb: 4 } },
    400,
    'invalid_resources',
    'Minimum memory limit',
  ],
  'a disk limit that nobody can keep': [`POST ${HOME}/sandboxes`, { resources: { disk_mb: 64 } }, 400, 'invalid_resources', 'disk_mb'],
  'a runtime that nobody has': [
    `POST ${HOME}/sandboxes`,
    { runtime: 'krun' },
    400,
    'unsupported_runtime',
    'no executor has the runtime "krun"',
  ],
  'a program that is not in the image': [
    `POST ${HOME}/sandboxes?wait=running`,
    { entrypoint: ['/no/such/program'] },
    422,
    'entrypoint_failed',
    '/no/such/program',
  ],
  'an image that is no reference': [`POST ${HOME}/sandboxes`, { image: 'Not/An/Image' }, 400, 'invalid_image', '"Not/An/Image"'],
  'malformed JSON': [`POST ${HOME}/sandboxes`, '{"image": debian}', 400, 'invalid_request', 'unexpected "d" at position 10'],
  'no JSON at all': [`POST ${HOME}/sandboxes`, '\0\u0001', 400, 'invalid_request', 'the body is not JSON'],
  'a list for an object': [`POST ${HOME}/sandboxes`, [], 400, 'invalid_request', 'body must be an object (got a list)'],
  'text for a number': [`POST ${HOME}/sandboxes/${NO_SANDBOX}/snapshots`, { ttl_secs: '5' }, 400, 'invalid_request', '(got "5")'],
  'an unknown field': [`POST ${HOME}/sandboxes`, { imgae: 'a' }, 400, 'invalid_request', 'did you mean `image`?'],
  'a name with a newline': [`POST ${HOME}/sandboxes/${NO_SANDBOX}/snapshots`, { name: 'a\nb' }, 400, 'invalid_request', 'name must be'],
  'a label with a newline': [`POST ${HOME}/sandboxes`, { labels: { 'a\nb': 'c' } }, 400, 'invalid_request', 'labels: the key "a\\nb"'],
  'an unknown sandbox': [`GET ${HOME}/sandboxes/${NO_SANDBOX}`, undefined, 404, 'sandbox_not_found', NO_SANDBOX],
  'an unknown snapshot': [`POST ${HOME}/snapshots/${NO_SNAPSHOT}/restore`, {}, 404, 'snapshot_not_found', NO_SNAPSHOT],
  'a snapshot of an unknown sandbox': [`POST ${HOME}/sandboxes/${NO_SANDBOX}/snapshots`, {}, 404, 'sandbox_not_found', NO_SANDBOX],
  'a command in an unknown sandbox': [`POST ${HOME}/sandboxes/${NO_SANDBOX}/exec`, { cmd: 'ls' }, 404, 'sandbox_not_found', NO_SANDBOX],
  'an unknown executor': [`GET /v1/executors/exec-${'0'.repeat(32)}`, undefined, 404, 'executor_not_found', 'no executor'],
  'an id with a slash': [`GET ${HOME}/snapshots/snap-1/2`, undefined, 404, 'route_not_found', '/snapshots/snap-1/2'],
  'an id with an encoded slash': [`GET ${HOME}/snapshots/snap-1%2F2`, undefined, 404, 'snapshot_not_found', '"snap-1/2"'],
  'an id that climbs': [`GET ${HOME}/snapshots/../../../health`, undefined, 404, 'route_not_found', 'snapshots/../'],
  'an id that climbs, encoded': [
    `GET ${HOME}/snapshots/..%2f..%2f..%2fetc%2fpasswd`,
    undefined,
    404,
    'snapshot_not_found',
    '"../../../etc/passwd"',
  ],
  'an id with a newline': [`DELETE ${HOME}/snapshots/snap-%0a`, undefined, 404, 'snapshot_not_found', '"snap-\\n"'],
  'an id with NUL': [`DELETE ${HOME}/sandboxes/%00`, undefined, 404, 'sandbox_not_found', 'no sandbox'],
  'an id that is no UTF-8': [`GET ${HOME}/snapshots/%ff%fe`, undefined, 400, 'invalid_request', '%'],
  'a namespace that climbs': ['GET /v1/namespaces/..%2f..%2fx/sandboxes', undefined, 400, 'invalid_namespace', 'namespace must be'],
  'a method that is not there': [`PUT ${HOME}/sandboxes`, {}, 405, 'method_not_allowed', 'PUT'],
  'a method of nobody': [`PROPFIND ${HOME}/sandboxes`, undefined, 405, 'method_not_allowed', 'PROPFIND'],
  'another path': ['GET /v2/sandboxes', undefined, 404, 'route_not_found', '/v2/sandboxes'],
};

describe('bad input', () => {
  let system: System;
  let registry: FakeRegistry;
  beforeAll(async () => {
    system = await System.start('bad-input', { shape: 'up' });
    registry = await FakeRegistry.start({ [TEST_LABEL]: system.label });
  });
  afterAll(async () => {
    await registry?.close();
    await system?.close();
  });
  beforeEach(() => system.showLogOnFailure());

  test.each(Object.keys(REFUSED))('%s is refused, and the answer says what is wrong', async (what) => {
    const [call, body, status, reason, message] = REFUSED[what] as (typeof REFUSED)[string];
    const [method, path] = call.split(' ') as [string, string];
    const text = typeof body === 'string' ? body : body === undefined ? '' : JSON.stringify(body);
    const answer = await sendRaw(system.url, { method, path, headers: JSON_TYPE, body: text });
    expect({ status: answer.status, ...JSON.parse(answer.body) }).toEqual({
      status,
      error: expect.objectContaining({ reason, message: expect.stringContaining(message) }),
    });
  });

  test('a body of 10 MB is refused, and a client that is still sending it hears so every time', async () => {
    const body = Buffer.alloc(10_000_000, ' ');
    for (let round = 0; round < 30; round++) {
      const answer = await sendRaw(system.url, { method: 'POST', path: `${HOME}/sandboxes`, headers: JSON_TYPE, body });
      expect(answer.status).toBe(413);
      expect(JSON.parse(answer.body)).toMatchObject({ error: { reason: 'request_too_large', details: { limit_bytes: 1_048_576 } } });
    }
  });

  test("an image that does not exist is refused in the engine's own words", async () => {
    const image = `${registry.host}/no/such/image:7`;
    const path = `${HOME}/sandboxes?wait=running&timeout_secs=30`;
    const answer = await sendRaw(system.url, { method: 'POST', path, headers: JSON_TYPE, body: JSON.stringify({ image }) });
    expect({ status: answer.status, ...JSON.parse(answer.body) }).toMatchObject({
      status: 422,
      error: {
        reason: 'image_not_found',
        message: expect.stringMatching(new RegExp(`${image}.*(manifest unknown|not found)`)),
        details: { sandbox: { status: expect.stringMatching(/^(stopping|terminated)$/), outcome: 'start_failed', image } },
      },
    });
  });

  test('an image without a shell starts, and says that it has none when one is asked for', async () => {
    const image = await system.images.scratch();
    const { sandbox_id } = await system.client.sandboxes.create({ image }, { wait: true, timeoutMs: 30_000 });
    const exec = (params: { shell: string } | { cmd: string; cwd?: string; user?: string }) =>
      system.client.sandboxes.exec(sandbox_id, params).catch((error: SandglassError) => error);
    const refusal = (reason: string, message: RegExp) =>
      expect.objectContaining({ constructor: SandglassError, status: 400, reason, message: expect.stringMatching(message) });
    expect(await exec({ shell: 'true' })).toEqual(refusal('shell_not_found', /the image has no \/bin\/sh/));
    expect(await exec({ cmd: 'ls' })).toEqual(refusal('command_not_found', /ls/));
    await system.client.sandboxes.delete(sandbox_id);
  });

  test('a command with a user, folder or program that is not there is refused', async () => {
    const { sandboxes } = system.client;
    const { sandbox_id } = await sandboxes.create({}, { wait: true, timeoutMs: 30_000 });
    const cases = [
      [{ cmd: 'true', user: 'nobody-here' }, 'invalid_user', 'nobody-here'],
      [{ cmd: 'true', cwd: '/no/such/folder' }, 'invalid_workdir', '/no/such/folder'],
      [{ cmd: 'no-such-program' }, 'command_not_found', 'no-such-program'],
    ] as const;
    for (const [params, reason, named] of cases) {
      await expect(sandboxes.exec(sandbox_id, params)).rejects.toMatchObject({
        status: 400,
        reason,
        message: expect.stringContaining(named),
      });
    }
    await sandboxes.delete(sandbox_id);
  });

  test('after all of it the server serves, has logged no failure of its own, and the engine holds nothing', async () => {
    const { sandboxes } = system.client;
    const { sandbox_id } = await sandboxes.create({}, { wait: true, timeoutMs: 30_000 });
    expect(await sandboxes.exec(sandbox_id, { shell: 'echo still here' })).toMatchObject({ exit_code: 0, stdout: 'still here\n' });
    await sandboxes.delete(sandbox_id);
    const failures = (await system.printed()).split('\n').filter((line) => line.includes('"request failed"'));
    expect(failures).toEqual([]);
    await vi.waitFor(async () => expect(await system.inEngine()).toEqual({ containers: [], images: [] }), 10_000);
  });
});
