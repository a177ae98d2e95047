import type { IncomingMessage } from 'node:http';
import { get } from 'node:https';
import { connect } from 'node:net';
import { json, text } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { LOCALHOST_CERTIFICATE } from '../support/localhost-certificate.ts';
import { RestWorld } from '../support/rest-world.ts';

test('health, version and readiness', async () => {
  const api = await RestWorld.create();
  expect((await api.call('GET', '/health')).body).toEqual({ status: 'ok' });
  expect((await api.call('GET', '/version')).body).toEqual({ name: 'sandglass', version: '1.2.3', api: 'v1' });
  expect(await api.call('GET', '/ready')).toMatchObject({ status: 200, body: { ready: true, reasons: [], executors_online: 1 } });
});

test('a server that is not ready says why', async () => {
  const api = await RestWorld.create({ notReadyBecause: () => ['the controllers have not started'] });
  await api.world.store.close();
  const { status, body } = await api.call('GET', '/ready');
  expect(status).toBe(503);
  expect(body).toMatchObject({ ready: false, reasons: ['the controllers have not started', expect.stringContaining('the store')] });
  expect((await api.call('GET', '/health')).status).toBe(200);
});

test('metrics count requests by route template, and what the control plane tells', async () => {
  const api = await RestWorld.create();
  await api.call('GET', 'sandboxes/sb-1');
  await api.call('GET', '/no/such/route');
  api.metrics.staleReport('result');
  api.metrics.operationFinished('create_snapshot', 'succeeded', 1500);
  api.metrics.queueDepth('snapshots', 3);
  const { body, headers } = await api.call('GET', '/metrics');
  expect(headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
  const route = 'route="/v1/namespaces/:namespace/sandboxes/:sandbox_id"';
  expect(body).toContain(`sandglass_http_request_duration_seconds_count{method="GET",${route},status="404"} 1`);
  expect(body).toContain('sandglass_http_request_duration_seconds_count{method="GET",route="unmatched",status="404"} 1');
  expect(body).toContain('sandglass_stale_reports_total{kind="result"} 1');
  expect(body).toContain('sandglass_operation_duration_seconds_sum{kind="create_snapshot",outcome="succeeded"} 1.5');
  expect(body).toContain('sandglass_queue_depth{queue="snapshots"} 3');
  expect(body).toContain('sandglass_build_info{version="1.2.3"} 1');
  expect(body).toContain('process_resident_memory_bytes');
});

test('an error that nobody expected is logged with the request id, and answered without its detail', async () => {
  const api = await RestWorld.create({
    wrapControl: (control) => ({
      ...control,
      getSandbox: () => Promise.reject(new Error('password is swordfish')),
    }),
  });
  const { status, body, headers } = await api.call('GET', `sandboxes/sb-${'0'.repeat(32)}`);
  const id = headers.get('x-request-id');
  expect(status).toBe(500);
  expect(body.error).toMatchObject({ reason: 'internal', details: { request_id: id } });
  expect(JSON.stringify(body)).not.toContain('swordfish');
  expect(api.logged).toContainEqual(expect.objectContaining({ level: 'error', request_id: id, err: new Error('password is swordfish') }));
});

test('an unknown route is 404, and a wrong method 405 with the right ones', async () => {
  const api = await RestWorld.create();
  expect(await api.call('GET', '/v1/nothing')).toMatchObject({ status: 404, body: { error: { reason: 'route_not_found' } } });
  const { status, body, headers } = await api.call('PUT', 'sandboxes');
  expect(status).toBe(405);
  expect(headers.get('allow')).toBe('GET, HEAD, POST');
  expect(body.error.message).toBe('/v1/namespaces/default/sandboxes takes GET, HEAD, POST, not PUT');
});

test('every answer has a request id of its own', async () => {
  const api = await RestWorld.create();
  const ids = await Promise.all(
    ['/health', '/nowhere', 'sandboxes', '/%zz'].map(async (path) => (await api.send('GET', path)).headers.get('x-request-id')),
  );
  expect(new Set(ids).size).toBe(4);
  for (const id of ids) expect(id).toMatch(/^req-/);
});

test('with a certificate the API is served over TLS', async () => {
  const api = await RestWorld.create({ tls: LOCALHOST_CERTIFICATE });
  const options = { host: '127.0.0.1', port: api.port, path: '/health', servername: 'localhost', ca: LOCALHOST_CERTIFICATE.cert };
  const response = await new Promise<IncomingMessage>((resolve, reject) => get(options, resolve).on('error', reject));
  expect(await json(response)).toEqual({ status: 'ok' });
});

/** What the server sends back for bytes that are no proper request. */
function raw(api: RestWorld, bytes: string): Promise<string> {
  const socket = connect(api.port, '127.0.0.1');
  socket.write(bytes);
  return text(socket);
}

test('what is not HTTP, or has headers beyond every bound, is answered with JSON, and the server goes on', async () => {
  const api = await RestWorld.create();
  expect(await raw(api, 'HELO\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 .*"invalid_request"/s);
  expect(await raw(api, `GET / HTTP/1.1\r\nhost: localhost\r\nx: ${'a'.repeat(20_000)}\r\n\r\n`)).toMatch(
    /^HTTP\/1\.1 431 .*"request_too_large"/s,
  );
  expect(await raw(api, `GET /${'a'.repeat(20_000)} HTTP/1.1\r\nhost: localhost\r\n\r\n`)).toMatch(/^HTTP\/1\.1 431 /);
  expect((await api.call('GET', '/health')).status).toBe(200);
});
