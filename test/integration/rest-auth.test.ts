import { request } from 'node:http';
import { expect, test } from 'vitest';
import { apiKey, RestWorld } from '../support/rest-world.ts';

const bearer = (key: string) => ({ authorization: `Bearer ${key}` });
const keyed = () => RestWorld.create({ apiKeys: [apiKey('sg_admin', { admin: true }), apiKey('sg_team', { namespace: 'default' })] });

test('with keys configured a request without one is refused, and told how to send it', async () => {
  const api = await keyed();
  for (const path of ['sandboxes', '/v1/executors', '/ready', '/metrics', '/nowhere']) {
    const { status, body, headers } = await api.call('GET', path);
    expect([path, status]).toEqual([path, 401]);
    expect(body.error).toMatchObject({ reason: 'unauthenticated', message: expect.stringContaining('Authorization: Bearer') });
    expect(headers.get('www-authenticate')).toBe('Bearer realm="sandglass"');
  }
});

test('health, version, the OpenAPI document and its page need no key', async () => {
  const api = await keyed();
  for (const path of ['/health', '/version', '/openapi.json', '/docs/']) {
    expect([path, (await api.call('GET', path)).status]).toEqual([path, 200]);
  }
});

test.each([
  ['a bearer token', bearer('sg_team')],
  ['a bearer token, whatever the case of the scheme', { authorization: 'bearer sg_team' }],
  ['an X-API-Key header', { 'x-api-key': 'sg_team' }],
])('a key is taken as %s', async (_how, headers) => {
  const api = await keyed();
  expect((await api.call('GET', 'sandboxes', { headers })).status).toBe(200);
});

test.each([bearer('sg_nobody'), bearer('sg_tea'), { 'x-api-key': 'sg_admi' }, { authorization: 'Basic c2dfdGVhbTo=' }])(
  'what is not a key is refused: %j',
  async (headers) => {
    const api = await keyed();
    expect((await api.call('GET', 'sandboxes', { headers })).status).toBe(401);
  },
);

test('a key in the URL is not taken', async () => {
  const api = await keyed();
  expect((await api.call('GET', 'sandboxes?api_key=sg_admin')).status).toBe(401);
});

test('the key of a namespace opens that namespace only, and changes no executors', async () => {
  const api = await keyed();
  const headers = bearer('sg_team');
  const { status, body } = await api.call('GET', '/v1/namespaces/other/sandboxes', { headers });
  expect(status).toBe(403);
  expect(body.error).toMatchObject({ reason: 'permission_denied', details: { namespace: 'default' } });
  expect(body.error.message).toContain('namespace default');
  expect((await api.call('GET', '/v1/executors', { headers })).status).toBe(200);
  expect((await api.call('POST', `/v1/executors/${api.executor.id}/cordon`, { headers })).status).toBe(403);
});

test('an admin key opens everything', async () => {
  const api = await keyed();
  const headers = bearer('sg_admin');
  expect((await api.call('GET', '/v1/namespaces/other/sandboxes', { headers })).status).toBe(200);
  expect((await api.call('POST', `/v1/executors/${api.executor.id}/cordon`, { headers })).status).toBe(200);
});

test('keys are in no log line', async () => {
  const api = await keyed();
  await api.call('POST', 'sandboxes', { headers: bearer('sg_team'), body: { secrets: { A: 'hunter2' } } });
  await api.call('POST', 'sandboxes', { headers: bearer('sg_wrong') });
  const log = JSON.stringify(api.logged);
  expect(log).toContain('key of sg_team');
  expect(log).not.toMatch(/Bearer|sg_wrong|hunter2/);
});

/** Status of a request with headers that `fetch` does not let its callers set. */
function statusOf(api: RestWorld, method: string, headers: Record<string, string>): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const path = '/v1/namespaces/default/sandboxes';
    const sent = request({ host: '127.0.0.1', port: api.port, method, path, headers }, (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    sent.on('error', reject).end();
  });
}

test('without keys, a web page cannot reach the server through a name of its own', async () => {
  const api = await RestWorld.create({ allowedHosts: ['sandglass.example'] });
  for (const host of ['evil.example', `evil.example:${api.port}`, '127.0.0.1.evil.example', '10.0.0.1', 'evil.example#localhost']) {
    expect([host, await statusOf(api, 'GET', { host })]).toEqual([host, 403]);
  }
  for (const host of [`127.0.0.1:${api.port}`, 'localhost', 'LOCALHOST:1', '127.1.2.3', `[::1]:${api.port}`, 'sandglass.example:8900']) {
    expect([host, await statusOf(api, 'GET', { host })]).toEqual([host, 200]);
  }
});

test('without keys, a web page of another origin cannot have anything done', async () => {
  const api = await RestWorld.create();
  const host = `localhost:${api.port}`;
  expect(await statusOf(api, 'POST', { host, origin: 'https://evil.example' })).toBe(403);
  expect(await statusOf(api, 'POST', { host, origin: 'null' })).toBe(403);
  expect(await statusOf(api, 'POST', { host, origin: 'http://localhost:1' })).toBe(403);
  expect(await statusOf(api, 'POST', { host, 'sec-fetch-site': 'cross-site' })).toBe(403);
  expect(await statusOf(api, 'POST', { host, origin: `http://${host}` })).toBe(202);
  expect(await statusOf(api, 'GET', { host, origin: 'https://evil.example' })).toBe(200);
});
