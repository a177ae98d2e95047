import { expect, test } from 'vitest';
import { eventsOf, RestWorld } from '../support/rest-world.ts';

test('the five calls of a first session work as typed with curl', async () => {
  const api = await RestWorld.create();
  const { id } = await api.world.runningSandbox();

  // curl -X POST … -d '…' says that it sends a form
  const created = await api.call('POST', `sandboxes/${id}/snapshots`, {
    body: '{"ttl_secs": 3600}',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
  });
  expect(created).toMatchObject({ status: 202, body: { status: 'creating' } });
  expect(Object.keys(created.body)).toEqual(['snapshot_id', 'status']);
  const { snapshot_id } = created.body;

  const active = await api.call('GET', `snapshots/${snapshot_id}?wait=active`);
  expect(active).toMatchObject({ status: 200, body: { snapshot_id, sandbox_id: id, status: 'active', ttl_secs: 3600, size_bytes: 4096 } });

  const listed = await api.call('GET', `sandboxes/${id}/snapshots`);
  expect(listed.body).toEqual({ snapshots: [active.body] });

  const restored = await api.call('POST', `snapshots/${snapshot_id}/restore`);
  expect(restored).toMatchObject({ status: 202, body: { status: 'pending', restored_from_snapshot: true, ttl_expired: false } });

  const deleted = await api.call('DELETE', `snapshots/${snapshot_id}`);
  expect(deleted).toMatchObject({ status: 200, body: { snapshot_id, status: 'deleting' } });
});

test('wait=active on the POST answers with the whole snapshot once it is there', async () => {
  const api = await RestWorld.create();
  const { id } = await api.world.runningSandbox();
  const { status, body } = await api.call('POST', `sandboxes/${id}/snapshots?wait=active`, { body: { name: 'before-upgrade' } });
  expect(status).toBe(200);
  expect(body).toMatchObject({ status: 'active', name: 'before-upgrade', timings: { freeze_ms: 30, capture_ms: 90 } });
});

test('a wait whose time is up answers 202 with the snapshot as it is', async () => {
  const api = await RestWorld.create();
  const { id } = await api.world.runningSandbox();
  api.executor.auto = false;
  const waiting = api.call('POST', `sandboxes/${id}/snapshots?wait=active&timeout_secs=5`);
  await api.timerOf(5000);
  api.world.clock.advance(5000);
  expect(await waiting).toMatchObject({ status: 202, body: { status: 'creating', sandbox_config: { image: 'sandglass/base:1' } } });
});

test('a wait for a snapshot that fails answers with the error of the engine and the snapshot', async () => {
  const api = await RestWorld.create({ settings: { retry: { maxAttempts: 1, backoff: { baseMs: 1, maxMs: 1 } } } });
  const { id } = await api.world.runningSandbox();
  api.executor.auto = false;
  const waiting = api.call('POST', `sandboxes/${id}/snapshots?wait=active`);
  await api.executor.fail(await api.executor.instruction('create_snapshot'), 'no space left on device');
  const { status, body } = await waiting;
  expect(status).toBe(502);
  expect(body.error).toMatchObject({ reason: 'engine_error', details: { snapshot: { status: 'failed', error: { attempts: 1 } } } });
  expect(body.error.message).toContain('no space left on device');
});

test('wait=gone on DELETE answers once the image has been removed', async () => {
  const api = await RestWorld.create();
  const { id } = await api.world.activeSnapshot(await api.world.runningSandbox());
  expect(await api.call('DELETE', `snapshots/${id}?wait=gone`)).toMatchObject({ status: 200, body: { status: 'deleting' } });
  expect(await api.call('GET', `snapshots/${id}`)).toMatchObject({ status: 404, body: { error: { reason: 'snapshot_not_found' } } });
});

test('a status that cannot be waited for is refused with those that can', async () => {
  const api = await RestWorld.create();
  const { id } = await api.world.activeSnapshot(await api.world.runningSandbox());
  const { status, body } = await api.call('GET', `snapshots/${id}?wait=ready`);
  expect(status).toBe(400);
  expect(body.error.message).toBe('wait must be one of active, gone (got "ready")');
});

test('a snapshot that is not active is not restored, and the error says its state', async () => {
  const api = await RestWorld.create();
  const { id } = await api.world.runningSandbox();
  api.executor.auto = false;
  const { body: created } = await api.call('POST', `sandboxes/${id}/snapshots`);
  const { status, body } = await api.call('POST', `snapshots/${created.snapshot_id}/restore`);
  expect(status).toBe(400);
  expect(body.error).toMatchObject({ reason: 'snapshot_not_active', message: 'snapshot must be in Active state, current state: creating' });
});

test('restore with wait=running answers with the whole sandbox, overrides applied', async () => {
  const api = await RestWorld.create();
  const { id } = await api.world.activeSnapshot(await api.world.runningSandbox({ env: { A: '1', B: '1' } }));
  const body = { env: { B: '2' }, resources: { cpus: 2 }, labels: { role: 'copy' }, network: { allow_internet_access: false } };
  const restored = await api.call('POST', `snapshots/${id}/restore?wait=running`, { body });
  expect(restored).toMatchObject({
    status: 200,
    body: {
      status: 'running',
      snapshot_id: id,
      env: { A: '1', B: '2' },
      resources: { cpus: 2, memory_mb: 512 },
      labels: { role: 'copy' },
      network: { allow_internet_access: false },
      restored_from_snapshot: true,
      ttl_expired: false,
    },
  });
});

test('restore with count answers with one entry for each sandbox', async () => {
  const api = await RestWorld.create();
  const { id } = await api.world.activeSnapshot(await api.world.runningSandbox());
  const { status, body } = await api.call('POST', `snapshots/${id}/restore?wait=running`, { body: { count: 3 } });
  expect(status).toBe(200);
  expect(body.sandboxes.map((sandbox: { status: string }) => sandbox.status)).toEqual(['running', 'running', 'running']);
  expect(body).not.toHaveProperty('sandbox_id');
});

test('fork answers with the snapshot and one entry for each copy', async () => {
  const api = await RestWorld.create();
  const { id } = await api.world.runningSandbox();
  const { status, body } = await api.call('POST', `sandboxes/${id}/fork`, { body: { count: 2 } });
  expect(status).toBe(202);
  expect(body).toMatchObject({ sandboxes: [{ status: 'pending' }, { status: 'pending' }] });
  expect(body.snapshot_id).toMatch(/^snap-/);
  expect(await api.call('GET', `sandboxes/${body.sandboxes[1].sandbox_id}?wait=running`)).toMatchObject({ status: 200 });
});

test('lists are paged newest first, and filtered by status, name, sandbox and labels', async () => {
  const api = await RestWorld.create();
  const sandbox = await api.world.runningSandbox();
  const ids: string[] = [];
  for (const n of [1, 2, 3]) {
    ids.unshift((await api.world.activeSnapshot(sandbox, { name: `n${n}`, labels: { odd: String(n % 2 === 1), team: 'a b' } })).id);
  }
  const list = async (query: string) => {
    const { status, body } = await api.call('GET', `snapshots?${query}`);
    expect(status).toBe(200);
    return { ids: body.snapshots.map((snapshot: { snapshot_id: string }) => snapshot.snapshot_id), cursor: body.next_cursor };
  };
  expect((await list('')).ids).toEqual(ids);
  const page = await list('limit=2');
  expect(page.ids).toEqual(ids.slice(0, 2));
  expect(await list(`limit=2&cursor=${page.cursor}`)).toEqual({ ids: ids.slice(2), cursor: undefined });
  expect((await list('label=odd=true')).ids).toEqual([ids[0], ids[2]]);
  expect((await list('label=odd=true&label=team=a%20b&name=n1')).ids).toEqual([ids[2]]);
  expect((await list('status=failed')).ids).toEqual([]);
  expect((await list(`sandbox_id=${sandbox.id}&status=active`)).ids).toEqual(ids);
});

test('the event stream tells every status, each with its revision, and ends when the snapshot is active', async () => {
  const api = await RestWorld.create();
  const { id } = await api.world.runningSandbox();
  api.executor.auto = false;
  const { body } = await api.call('POST', `sandboxes/${id}/snapshots`);
  const response = await api.send('GET', `snapshots/${body.snapshot_id}/events`);
  expect(response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
  const events = eventsOf(response);
  const first = await events.next();
  expect(first.value).toMatchObject({ event: 'snapshot', data: { snapshot_id: body.snapshot_id, status: 'creating' } });
  await api.executor.answer(await api.executor.instruction('create_snapshot'));
  const rest = await Array.fromAsync(events);
  expect(rest.at(-1)).toMatchObject({ event: 'snapshot', data: { status: 'active' } });
  const revisions = [first.value, ...rest].map((event) => Number(event?.id));
  expect(revisions).toEqual(revisions.toSorted((a, b) => a - b));
});

test('the event stream of a snapshot that is deleted ends with gone', async () => {
  const api = await RestWorld.create();
  const { id } = await api.world.activeSnapshot(await api.world.runningSandbox());
  api.executor.auto = false;
  await api.call('DELETE', `snapshots/${id}`);
  const events = eventsOf(await api.send('GET', `snapshots/${id}/events`));
  expect((await events.next()).value).toMatchObject({ event: 'snapshot', data: { status: 'deleting' } });
  await api.executor.answer(await api.executor.instruction('delete_snapshot'));
  expect((await Array.fromAsync(events)).at(-1)).toEqual({ event: 'gone', data: { snapshot_id: id, last_status: 'deleting' } });
});

test('an event stream of an unknown snapshot is a plain 404', async () => {
  const api = await RestWorld.create();
  const response = await api.send('GET', `snapshots/snap-${'0'.repeat(32)}/events`);
  expect(response.status).toBe(404);
  expect(response.headers.get('content-type')).toBe('application/json; charset=utf-8');
  await response.body?.cancel();
});

test('closing the server ends waits and event streams', async () => {
  const api = await RestWorld.create();
  const { id } = await api.world.runningSandbox();
  api.executor.auto = false;
  const { body } = await api.call('POST', `sandboxes/${id}/snapshots`);
  const events = eventsOf(await api.send('GET', `snapshots/${body.snapshot_id}/events`));
  await events.next();
  const waiting = api.call('GET', `snapshots/${body.snapshot_id}?wait=active`);
  await api.timerOf(60_000);
  await api.close();
  expect(await waiting).toMatchObject({ status: 503, body: { error: { reason: 'shutting_down' } } });
  expect((await Array.fromAsync(events)).at(-1)).toMatchObject({ event: 'error', data: { error: { reason: 'shutting_down' } } });
});
