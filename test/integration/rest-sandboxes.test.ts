import { expect, test } from 'vitest';
import { parseNamespace } from '../../src/model/ids.ts';
import { RestWorld } from '../support/rest-world.ts';

test('a sandbox is created with everything that the request says, and answered without its secrets', async () => {
  const api = await RestWorld.create();
  const request = {
    image: 'debian:12',
    resources: { cpus: 0.5, memory_mb: 128 },
    env: { LANG: 'C.UTF-8' },
    secrets: { TOKEN: 'hunter2' },
    entrypoint: ['sleep', 'infinity'],
    workdir: '/work',
    user: '1000:1000',
    timeout_secs: 600,
    on_timeout: 'terminate',
    network: { allow_internet_access: false },
    exposed_ports: [8080],
    labels: { 'example.com/team': 'a' },
  };
  const created = await api.call('POST', 'sandboxes', { body: request });
  expect(created).toMatchObject({ status: 202, body: { status: 'pending' } });
  const { status, body } = await api.call('GET', `sandboxes/${created.body.sandbox_id}?wait=running`);
  const { secrets, ...shown } = request;
  expect(status).toBe(200);
  expect(body).toMatchObject({ ...shown, status: 'running', namespace: 'default', secret_names: Object.keys(secrets) });
  expect(JSON.stringify(body)).not.toContain('hunter2');
});

test('an empty POST creates a sandbox with the defaults', async () => {
  const api = await RestWorld.create();
  const { status, body } = await api.call('POST', 'sandboxes?wait=running');
  expect(status).toBe(200);
  expect(body).toMatchObject({ image: 'sandglass/base:1', resources: { cpus: 1, memory_mb: 512 }, env: {}, labels: {} });
});

test('a wait for a sandbox that cannot be started answers with the error of the engine and the sandbox', async () => {
  const api = await RestWorld.create({ auto: false });
  const waiting = api.call('POST', 'sandboxes?wait=running', { body: { image: 'nope:1' } });
  await api.executor.fail(await api.executor.instruction('start_sandbox'), 'manifest for nope:1 not found', 'image_not_found');
  const { status, body } = await waiting;
  expect(status).toBe(422);
  expect(body.error).toMatchObject({ code: 'not_found', reason: 'image_not_found', details: { sandbox: { outcome: 'start_failed' } } });
  expect(body.error.message).toContain('manifest for nope:1 not found');
});

test('a wait whose time is up answers 202 with the sandbox as it is', async () => {
  const api = await RestWorld.create({ auto: false });
  const waiting = api.call('POST', 'sandboxes?wait=running&timeout_secs=2.5', { body: { labels: { a: 'b' } } });
  await api.executor.instruction('start_sandbox');
  await api.timerOf(2500);
  api.world.clock.advance(2500);
  expect(await waiting).toMatchObject({ status: 202, body: { status: 'starting', labels: { a: 'b' } } });
});

test('a wait for a sandbox that ends first says how it ended', async () => {
  const api = await RestWorld.create({ auto: false });
  const { body: created } = await api.call('POST', 'sandboxes');
  const waiting = api.call('GET', `sandboxes/${created.sandbox_id}?wait=running`);
  await api.executor.instruction('start_sandbox');
  await api.call('DELETE', `sandboxes/${created.sandbox_id}`);
  expect(await waiting).toMatchObject({ status: 422, body: { error: { reason: 'sandbox_failed' } } });
});

test('DELETE answers at once, or with wait=terminated once nothing is left', async () => {
  const api = await RestWorld.create();
  const { id } = await api.world.runningSandbox();
  expect(await api.call('DELETE', `sandboxes/${id}`)).toMatchObject({ status: 200, body: { outcome: 'stopped' } });
  expect(await api.call('DELETE', `sandboxes/${id}?wait=terminated`)).toMatchObject({ status: 200, body: { status: 'terminated' } });
});

test('pause and resume wait for what they ask for', async () => {
  const api = await RestWorld.create();
  const { id } = await api.world.runningSandbox();
  expect(await api.call('POST', `sandboxes/${id}/pause?wait=paused`)).toMatchObject({ status: 200, body: { status: 'paused' } });
  expect(await api.call('POST', `sandboxes/${id}/resume`)).toMatchObject({ status: 202, body: { sandbox_id: id } });
  expect(await api.call('GET', `sandboxes/${id}?wait=running`)).toMatchObject({ status: 200, body: { status: 'running' } });
});

test('a wait for a pause that fails answers with the failure', async () => {
  const api = await RestWorld.create();
  const { id } = await api.world.runningSandbox();
  api.executor.auto = false;
  const waiting = api.call('POST', `sandboxes/${id}/pause?wait=paused`);
  await api.executor.fail(await api.executor.instruction('pause_sandbox'), 'freezer is stuck');
  const { status, body } = await waiting;
  expect(status).toBe(502);
  expect(body.error.message).toBe(`sandbox ${id} is still running: freezer is stuck`);
});

test('lists are filtered by status and label, and paged', async () => {
  const api = await RestWorld.create();
  const [one, two] = [await api.world.runningSandbox({ labels: { a: '1' } }), await api.world.runningSandbox({ labels: { a: '2' } })];
  const ids = async (query: string) =>
    (await api.call('GET', `sandboxes${query}`)).body.sandboxes.map((sandbox: { sandbox_id: string }) => sandbox.sandbox_id);
  expect(await ids('')).toEqual([two.id, one.id]);
  expect(await ids('?limit=1')).toEqual([two.id]);
  expect(await ids('?label=a=1')).toEqual([one.id]);
  expect(await ids('?status=paused')).toEqual([]);
});

test('what belongs to one namespace is not found in another', async () => {
  const api = await RestWorld.create();
  const { id } = await api.world.control.createSandbox(parseNamespace('other'), {});
  expect(await api.call('GET', `sandboxes/${id}`)).toMatchObject({ status: 404, body: { error: { reason: 'sandbox_not_found' } } });
  expect(await api.call('GET', `/v1/namespaces/other/sandboxes/${id}`)).toMatchObject({ status: 200 });
});

test('what is not supported yet is refused, not ignored', async () => {
  const api = await RestWorld.create();
  const answer = await api.call('POST', 'sandboxes', { body: { network: { allow_out: ['10.0.0.0/8'] } } });
  expect(answer).toMatchObject({ status: 501, body: { error: { reason: 'unsupported', details: { field: 'network.allow_out' } } } });
});

test('executors are listed, read, cordoned and uncordoned', async () => {
  const api = await RestWorld.create();
  const { id } = api.executor;
  const { body } = await api.call('GET', '/v1/executors');
  expect(body.executors).toMatchObject([{ executor_id: id, status: 'online', cordoned: false, capacity: { max_sandboxes: 200 } }]);
  expect(await api.call('POST', `/v1/executors/${id}/cordon`)).toMatchObject({ status: 200, body: { cordoned: true } });
  expect(await api.call('GET', `/v1/executors/${id}`)).toMatchObject({ body: { cordoned: true } });
  expect(await api.call('POST', `/v1/executors/${id}/uncordon`)).toMatchObject({ body: { cordoned: false } });
  expect(await api.call('GET', '/v1/executors/exec-1')).toMatchObject({ status: 404, body: { error: { reason: 'executor_not_found' } } });
});
