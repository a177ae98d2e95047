import { expect, test } from 'vitest';
import { RestWorld } from '../support/rest-world.ts';

const MISSING = `sb-${'f'.repeat(32)}`;

test('the timeout of a sandbox is set in place of what it has left, and its configuration keeps its own', async () => {
  const api = await RestWorld.create();
  const { id } = await api.world.runningSandbox({ timeoutSecs: 600 });
  const now = api.world.clock.now();
  const set = await api.call('POST', `sandboxes/${id}/timeout`, { body: { timeout_secs: 30 } });
  expect(set).toMatchObject({ status: 200, body: { sandbox_id: id, status: 'running', timeout_secs: 600, expires_at: now + 30_000 } });
  const endless = await api.call('POST', `sandboxes/${id}/timeout`, { body: { timeout_secs: 0 } });
  expect(endless.body).not.toHaveProperty('expires_at');
});

test('a sandbox has no end while it is paused, and the one that the resume gives it afterwards', async () => {
  const api = await RestWorld.create();
  const { id } = await api.world.runningSandbox({ timeoutSecs: 600 });
  expect((await api.call('POST', `sandboxes/${id}/pause?wait=paused`)).body).not.toHaveProperty('expires_at');
  expect(await api.call('POST', `sandboxes/${id}/timeout`, { body: { timeout_secs: 5 } })).toMatchObject({ status: 200 });
  const resumed = await api.call('POST', `sandboxes/${id}/resume?wait=running`, { body: { timeout_secs: 30 } });
  expect(resumed).toMatchObject({ status: 200, body: { expires_at: api.world.clock.now() + 30_000 } });
  await api.call('POST', `sandboxes/${id}/pause?wait=paused`);
  const again = await api.call('POST', `sandboxes/${id}/resume?wait=running`);
  expect(again.body).toMatchObject({ expires_at: api.world.clock.now() + 600_000 });
});

test('a timeout set twice with the same key is set once', async () => {
  const api = await RestWorld.create();
  const { id } = await api.world.runningSandbox();
  const set = () => api.call('POST', `sandboxes/${id}/timeout`, { body: { timeout_secs: 30 }, headers: { 'idempotency-key': 'k' } });
  const first = await set();
  api.world.clock.advance(5_000);
  const second = await set();
  expect(second.body).toEqual(first.body);
  expect(second.headers.get('idempotency-replayed')).toBe('true');
});

test('the timeout of a sandbox that has ended, or never was, is not set', async () => {
  const api = await RestWorld.create();
  const { id } = await api.world.runningSandbox();
  await api.call('DELETE', `sandboxes/${id}?wait=terminated`);
  const ended = await api.call('POST', `sandboxes/${id}/timeout`, { body: { timeout_secs: 30 } });
  expect(ended).toMatchObject({ status: 409, body: { error: { reason: 'sandbox_not_running', details: { status: 'terminated' } } } });
  const missing = await api.call('POST', `sandboxes/${MISSING}/timeout`, { body: { timeout_secs: 30 } });
  expect(missing).toMatchObject({ status: 404, body: { error: { reason: 'sandbox_not_found' } } });
});

test.each([
  ['timeout', {}, 'timeout_secs'],
  ['timeout', { timeout_secs: -1 }, 'timeout_secs'],
  ['timeout', { timeout_secs: 1.5 }, 'timeout_secs'],
  ['timeout', { timeout_secs: '60' }, 'timeout_secs'],
  ['timeout', { timeout_secs: 1e10 }, 'timeout_secs'],
  ['timeout', { timeout: 60 }, 'timeout'],
  ['resume', { timeout_secs: -1 }, 'timeout_secs'],
  ['resume', { timeout_sec: 1 }, 'timeout_sec'],
])('%s refuses %j', async (verb, body, field) => {
  const api = await RestWorld.create();
  const { id } = await api.world.runningSandbox();
  const answer = await api.call('POST', `sandboxes/${id}/${verb}`, { body });
  expect(answer).toMatchObject({ status: 400, body: { error: { reason: 'invalid_request' } } });
  expect(answer.body.error.message).toContain(field);
});

test.each(['terminate', 'pause', 'snapshot'])('a sandbox can be created, forked and restored with on_timeout %s', async (on_timeout) => {
  const api = await RestWorld.create();
  const created = await api.call('POST', 'sandboxes?wait=running', { body: { timeout_secs: 60, on_timeout } });
  expect(created).toMatchObject({ status: 200, body: { timeout_secs: 60, on_timeout } });
  const path = `sandboxes/${created.body.sandbox_id}`;
  const { body: snapshot } = await api.call('POST', `${path}/snapshots?wait=active`);
  const restored = await api.call('POST', `snapshots/${snapshot.snapshot_id}/restore?wait=running`);
  expect(restored.body).toMatchObject({ on_timeout });
  const overridden = await api.call('POST', `snapshots/${snapshot.snapshot_id}/restore?wait=running`, { body: { on_timeout: 'pause' } });
  expect(overridden.body).toMatchObject({ on_timeout: 'pause' });
  expect(await api.call('POST', `${path}/fork`, { body: { on_timeout } })).toMatchObject({ status: 202 });
});

test('a sandbox that ended with a snapshot leads to it', async () => {
  const api = await RestWorld.create();
  const { id } = await api.world.runningSandbox({ timeoutSecs: 60, onTimeout: 'snapshot' });
  api.world.clock.advance(60_000);
  const { body } = await api.call('GET', `sandboxes/${id}?wait=terminated`);
  expect(body).toMatchObject({ status: 'terminated', outcome: 'timeout' });
  const snapshot = await api.call('GET', `snapshots/${body.timeout_snapshot_id}`);
  expect(snapshot.body).toMatchObject({ status: 'active', sandbox_id: id, labels: { 'sandglass.dev/reason': 'timeout' } });
  const found = await api.call('GET', 'snapshots?label=sandglass.dev/reason=timeout');
  expect(found.body.snapshots).toHaveLength(1);
});

test('a sandbox that is paused because there can be no snapshot says why, and whoever waits for its pause gets it', async () => {
  const api = await RestWorld.create({ settings: { maxSnapshotsPerNamespace: 0 } });
  const { id } = await api.world.runningSandbox({ timeoutSecs: 60, onTimeout: 'snapshot' });
  api.executor.auto = false;
  const waiting = api.call('GET', `sandboxes/${id}?wait=paused&timeout_secs=600`);
  await api.timerOf(600_000);
  api.world.clock.advance(60_000);
  await api.executor.fail(await api.executor.instruction('pause_sandbox'), 'freezer: busy');
  expect((await api.call('GET', `sandboxes/${id}`)).body.error.message).toContain('freezer: busy');
  api.world.clock.advance(1_000);
  await api.executor.answer(await api.executor.instruction('pause_sandbox', 2));
  const { status, body } = await waiting;
  expect({ status, state: body.status, reason: body.error.reason }).toEqual({
    status: 200,
    state: 'paused',
    reason: 'snapshot_quota_exceeded',
  });
});
