import { expect, test } from 'vitest';
import type { Control } from '../../src/control/control.ts';
import { SandglassError } from '../../src/model/errors.ts';
import { RestWorld } from '../support/rest-world.ts';

const KEY = { 'idempotency-key': 'order-4711' };

/** A world that counts how often sandboxes are created, and can do something in between. */
async function countingWorld(before: (control: Control, call: number) => Promise<void> = async () => {}) {
  let created = 0;
  const api = await RestWorld.create({
    // What has expired is not cleaned up while a test runs: the API itself knows what counts.
    settings: { snapshotCleanupIntervalSecs: 7 * 24 * 3600 },
    wrapControl: (control) => ({
      ...control,
      createSandbox: async (ns, request) => {
        await before(control, ++created);
        return control.createSandbox(ns, request);
      },
    }),
  });
  return { api, created: () => created };
}

test('a repeated request is carried out once, and gets the same answer', async () => {
  const { api, created } = await countingWorld();
  const call = () => api.call('POST', 'sandboxes', { body: { image: 'a:1' }, headers: KEY });
  const [first, second] = [await call(), await call()];
  expect(second).toMatchObject({ status: 202, body: first.body });
  expect([first, second].map(({ headers }) => headers.get('idempotency-replayed'))).toEqual([null, 'true']);
  expect(created()).toBe(1);
});

test('a repeated request can wait for what the first one began', async () => {
  const { api, created } = await countingWorld();
  const first = await api.call('POST', 'sandboxes', { headers: KEY });
  const second = await api.call('POST', 'sandboxes?wait=running', { headers: KEY });
  expect(second).toMatchObject({ status: 200, body: { sandbox_id: first.body.sandbox_id, status: 'running' } });
  expect(created()).toBe(1);
});

test.each([
  ['another body', 'sandboxes', { image: 'b:1' }],
  ['another route', 'sandboxes/sb-00000000000000000000000000000000/snapshots', {}],
])('the key with %s is refused', async (_what, path, body) => {
  const { api } = await countingWorld();
  await api.call('POST', 'sandboxes', { body: { image: 'a:1' }, headers: KEY });
  expect(await api.call('POST', path, { body, headers: KEY })).toMatchObject({
    status: 409,
    body: { error: { reason: 'idempotency_key_reused' } },
  });
});

test('keys of different namespaces have nothing to do with one another', async () => {
  const { api, created } = await countingWorld();
  await api.call('POST', 'sandboxes', { headers: KEY });
  await api.call('POST', '/v1/namespaces/other/sandboxes', { headers: KEY });
  expect(created()).toBe(2);
});

test('requests at the same time are carried out once: the later ones wait for the first', async () => {
  const first = Promise.withResolvers<void>();
  const { api, created } = await countingWorld(() => first.promise);
  const calls = [1, 2, 3].map(() => api.call('POST', 'sandboxes', { headers: KEY }));
  await expect.poll(created).toBe(1);
  first.resolve();
  const ids = (await Promise.all(calls)).map(({ body }) => body.sandbox_id);
  expect(new Set(ids).size).toBe(1);
  expect(created()).toBe(1);
});

test('a refusal for good is kept, an error of the server is not', async () => {
  const { api, created } = await countingWorld(async (_control, call) => {
    if (call === 1) throw new SandglassError('executor_unavailable', 'not now');
    if (call === 2) throw new SandglassError('invalid_image', 'no such thing');
  });
  const call = () => api.call('POST', 'sandboxes', { headers: KEY });
  expect(await call()).toMatchObject({ status: 503 });
  expect(await call()).toMatchObject({ status: 400, body: { error: { reason: 'invalid_image' } } });
  const replayed = await call();
  expect(replayed).toMatchObject({ status: 400, body: { error: { reason: 'invalid_image', message: 'no such thing' } } });
  expect(replayed.headers.get('idempotency-replayed')).toBe('true');
  expect(created()).toBe(2);
});

test('a request that a crash interrupted is not carried out again, and the error says what to do', async () => {
  const hang = Promise.withResolvers<void>();
  const { api, created } = await countingWorld(() => hang.promise);
  const interrupted = api.call('POST', 'sandboxes', { headers: KEY });
  await expect.poll(created).toBe(1);
  // Another server on the same store finds what a server that was killed leaves behind.
  const other = await RestWorld.create({ store: api.world.store });
  const { status, body } = await other.call('POST', 'sandboxes', { headers: KEY });
  expect(status).toBe(409);
  expect(body.error.reason).toBe('idempotency_key_in_progress');
  expect(body.error.message).toContain('use a new key');
  hang.resolve();
  await interrupted;
});

test('after 24 hours the key is free again', async () => {
  const { api, created } = await countingWorld();
  const call = () => api.call('POST', 'sandboxes', { headers: KEY });
  await call();
  api.world.clock.advance(24 * 3_600_000 + 1);
  expect((await call()).headers.get('idempotency-replayed')).toBeNull();
  expect(created()).toBe(2);
});

test('a key that is too long or empty is refused, and so is one with an event stream', async () => {
  const api = await RestWorld.create();
  const field = { error: { details: { field: 'Idempotency-Key' } } };
  for (const key of ['', 'k'.repeat(256)]) {
    expect(await api.call('POST', 'sandboxes', { headers: { 'idempotency-key': key } })).toMatchObject({ status: 400, body: field });
  }
  const { id } = await api.world.runningSandbox();
  const headers = { ...KEY, accept: 'text/event-stream' };
  expect(await api.call('POST', `sandboxes/${id}/exec`, { body: { cmd: 'x' }, headers })).toMatchObject({ status: 400, body: field });
});
