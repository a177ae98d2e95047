import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { RestWorld } from '../support/rest-world.ts';

const SB = `sb-${'0'.repeat(32)}`;
const SNAP = `snap-${'0'.repeat(32)}`;
const deep = '['.repeat(100_000);

/** What bad input is answered with: status, the field it is about, and what the message says. */
const TABLE: readonly (readonly [
  what: string,
  method: string,
  path: string,
  body: unknown,
  status: number,
  field: string | undefined,
  message: string,
])[] = [
  ['zero CPUs', 'POST', 'sandboxes', { resources: { cpus: 0 } }, 400, 'resources.cpus', 'resources.cpus must be >= 0.01 (got 0)'],
  ['negative memory', 'POST', 'sandboxes', { resources: { memory_mb: -1 } }, 400, 'resources.memory_mb', 'must be >= 4 (got -1)'],
  ['absurd CPUs', 'POST', 'sandboxes', { resources: { cpus: 1e9 } }, 400, 'resources.cpus', 'must be <= 1024'],
  ['infinite CPUs', 'POST', 'sandboxes', '{"resources":{"cpus":1e999}}', 400, 'resources.cpus', 'must be a number'],
  [
    'fractional memory',
    'POST',
    'sandboxes',
    { resources: { memory_mb: 1.5 } },
    400,
    'resources.memory_mb',
    'must be a whole number (got 1.5)',
  ],
  ['absurd memory', 'POST', 'sandboxes', { resources: { memory_mb: 2 ** 40 } }, 400, 'resources.memory_mb', 'must be <= 16777216'],
  [
    'a number as text',
    'POST',
    `sandboxes/${SB}/snapshots`,
    { ttl_secs: '5' },
    400,
    'ttl_secs',
    'ttl_secs must be a whole number (got "5")',
  ],
  ['a TTL of a century', 'POST', `sandboxes/${SB}/snapshots`, { ttl_secs: 3.2e9 }, 400, 'ttl_secs', 'must be <= 315360000'],
  ['a negative TTL', 'POST', `sandboxes/${SB}/snapshots`, { ttl_secs: -1 }, 400, 'ttl_secs', 'must be >= 0'],
  ['null for a number', 'POST', `sandboxes/${SB}/snapshots`, { ttl_secs: null }, 400, 'ttl_secs', '(got null)'],
  ['a list for an object', 'POST', 'sandboxes', { resources: [] }, 400, 'resources', 'resources must be an object (got a list)'],
  ['a body that is a list', 'POST', 'sandboxes', [], 400, 'body', 'body must be an object (got a list)'],
  ['a body that is null', 'POST', 'sandboxes', 'null', 400, 'body', 'body must be an object (got null)'],
  ['a misspelt field', 'POST', `sandboxes/${SB}/snapshots`, { ttl: 5 }, 400, 'ttl', 'unknown field `ttl`; did you mean `ttl_secs`?'],
  [
    'a misspelt inner field',
    'POST',
    'sandboxes',
    { resources: { memory: 5 } },
    400,
    'resources.memory',
    'in resources; did you mean `memory_mb`?',
  ],
  ['an unknown field', 'POST', 'sandboxes', { xyzzy: 5 }, 400, 'xyzzy', 'unknown field `xyzzy`; known: image, snapshot_id'],
  ['a field where none is', 'POST', `sandboxes/${SB}/pause`, { now: true }, 400, 'now', 'none is taken here'],
  ['__proto__', 'POST', 'sandboxes', '{"env":{"__proto__":{"a":1}}}', 400, 'body', '__proto__'],
  ['an escaped __proto__', 'POST', 'sandboxes', '{"env":{"__pr\\u006fto__":"x"}}', 400, 'body', '__proto__'],
  ['a name with a newline', 'POST', `sandboxes/${SB}/snapshots`, { name: 'a\nb' }, 400, 'name', 'name must be 1-128 letters'],
  ['a name with a newline at its end', 'POST', `sandboxes/${SB}/snapshots`, { name: 'a\n' }, 400, 'name', 'name must be'],
  ['an empty name', 'POST', `sandboxes/${SB}/snapshots`, { name: '' }, 400, 'name', '(got "")'],
  ['a name that climbs', 'POST', `sandboxes/${SB}/snapshots`, { name: '../../etc' }, 400, 'name', 'name must be'],
  [
    'a label key with a space',
    'POST',
    'sandboxes',
    { labels: { 'a b': 'c' } },
    400,
    'labels',
    'labels: the key "a b" must be 1-63 letters',
  ],
  ['a label value with a newline', 'POST', 'sandboxes', { labels: { a: 'b\nc' } }, 400, 'labels.a', 'no control characters'],
  ['a label value that is no text', 'POST', 'sandboxes', { labels: { a: 1 } }, 400, 'labels.a', 'must be a string (got 1)'],
  ['a label too long for the store', 'POST', 'sandboxes', { labels: { a: '語'.repeat(255) } }, 400, 'labels.a', 'too long'],
  ['65 labels', 'POST', 'sandboxes', { labels: entries(65) }, 400, 'labels', 'at most 64 entries'],
  ['half a surrogate pair', 'POST', 'sandboxes', '{"labels":{"a":"\\ud800"}}', 400, 'body', 'surrogate'],
  [
    'a variable with = in its name',
    'POST',
    'sandboxes',
    { env: { 'A=B': '' } },
    400,
    'env',
    'the key "A=B" must be the name of a variable',
  ],
  ['NUL in a variable', 'POST', 'sandboxes', { env: { A: 'a\0' } }, 400, 'env.A', 'text without NUL'],
  ['257 variables', 'POST', 'sandboxes', { env: entries(257) }, 400, 'env', 'at most 256 entries'],
  ['a variable of more than 128 KiB', 'POST', 'sandboxes', { env: { A: 'x'.repeat(131_073) } }, 400, 'env.A', 'at most 131072 characters'],
  ['an image with spaces', 'POST', 'sandboxes', { image: 'a b' }, 400, 'image', 'image must be an image reference'],
  ['an image that is an option', 'POST', 'sandboxes', { image: '--privileged' }, 400, 'image', 'image'],
  ['an image of 513 letters', 'POST', 'sandboxes', { image: 'a'.repeat(513) }, 400, 'image', 'at most 512 characters'],
  ['an empty image', 'POST', 'sandboxes', { image: '' }, 400, 'image', 'image must be'],
  ['image and snapshot at once', 'POST', 'sandboxes', { image: 'a:1', snapshot_id: SNAP }, 400, 'snapshot_id', 'not both'],
  ['a relative workdir', 'POST', 'sandboxes', { workdir: 'a' }, 400, 'workdir', 'an absolute path'],
  ['a port that is none', 'POST', 'sandboxes', { exposed_ports: [80, 65_536] }, 400, 'exposed_ports[1]', 'must be <= 65535'],
  ['an empty entrypoint', 'POST', 'sandboxes', { entrypoint: [] }, 400, 'entrypoint', 'at least one item'],
  ['an unknown enum value', 'POST', 'sandboxes', { on_timeout: 'explode' }, 400, 'on_timeout', 'one of terminate, pause, snapshot'],
  ['101 forks', 'POST', `sandboxes/${SB}/fork`, { count: 101 }, 400, 'count', 'must be <= 100'],
  ['malformed JSON', 'POST', 'sandboxes', '{"image": debian}', 400, 'body', 'unexpected "d" at position 10 (line 1, column 11)'],
  ['malformed JSON on its third line', 'POST', 'sandboxes', '{\n"a": 1\n"b": 2}', 400, 'body', '(line 3, column 1)'],
  ['JSON that ends early', 'POST', 'sandboxes', '{"image": "debian"', 400, 'body', 'ends too early, at position 18'],
  ['JSON without an end', 'POST', 'sandboxes', deep, 400, 'body', 'not JSON'],
  ['an unknown sandbox', 'GET', `sandboxes/${SB}`, undefined, 404, undefined, `no sandbox ${SB}`],
  ['an unknown snapshot', 'DELETE', `snapshots/${SNAP}`, undefined, 404, undefined, `no snapshot ${SNAP}`],
  ['a snapshot of an unknown sandbox', 'POST', `sandboxes/${SB}/snapshots`, {}, 404, undefined, `no sandbox ${SB}`],
  ['an id of another kind', 'GET', `snapshots/${SB}`, undefined, 404, undefined, 'look like snap-'],
  ['an id with an encoded slash', 'GET', 'snapshots/a%2Fb', undefined, 404, undefined, 'no snapshot "a/b"'],
  ['an id that climbs, encoded', 'GET', 'snapshots/..%2F..%2Fetc%2Fpasswd', undefined, 404, undefined, 'no snapshot "../../etc/passwd"'],
  ['an id with a newline', 'GET', 'snapshots/snap-%0a', undefined, 404, undefined, 'no snapshot "snap-\\n"'],
  ['an id with NUL', 'GET', 'snapshots/%00', undefined, 404, undefined, 'no snapshot'],
  ['an id of 300 letters', 'GET', `snapshots/${'a'.repeat(300)}`, undefined, 404, undefined, 'longer than any id'],
  ['an id that is not UTF-8', 'GET', 'snapshots/%ff', undefined, 400, undefined, '%'],
  ['an id that is empty', 'GET', 'snapshots/', undefined, 404, undefined, 'no '],
  ['a namespace in capitals', 'GET', '/v1/namespaces/Default/sandboxes', undefined, 400, 'namespace', 'lower-case'],
  ['a namespace that climbs', 'GET', '/v1/namespaces/..%2Fx/sandboxes', undefined, 400, 'namespace', 'lower-case'],
  ['a namespace with a newline', 'GET', '/v1/namespaces/a%0a/sandboxes', undefined, 400, 'namespace', 'lower-case'],
  ['a page of zero', 'GET', 'snapshots?limit=0', undefined, 400, 'limit', 'limit must be >= 1 (got 0)'],
  ['a page of 1001', 'GET', 'snapshots?limit=1001', undefined, 400, 'limit', 'limit must be <= 1000'],
  ['a page of abc', 'GET', 'snapshots?limit=abc', undefined, 400, 'limit', 'limit must be a whole number (got "abc")'],
  ['two limits', 'GET', 'snapshots?limit=1&limit=2', undefined, 400, 'limit', '(got a list)'],
  ['a cursor that is none', 'GET', 'snapshots?cursor=%00', undefined, 400, 'cursor', 'cursor'],
  ['a label filter without =', 'GET', 'snapshots?label=a', undefined, 400, 'label', 'label must be written key=value (got "a")'],
  ['a label filter without a key', 'GET', 'snapshots?label==a', undefined, 400, 'label', 'the key of label'],
  ['an unknown status', 'GET', 'snapshots?status=done', undefined, 400, 'status', 'one of creating, uploading, active, failed, deleting'],
  [
    'a misspelt parameter',
    'GET',
    'snapshots?stauts=active',
    undefined,
    400,
    'stauts',
    'unknown query parameter `stauts`; did you mean `status`?',
  ],
  ['a wait for what never lasts', 'POST', 'sandboxes?wait=starting', {}, 400, 'wait', 'one of running, paused, terminated'],
  ['a wait of an hour', 'POST', 'sandboxes?wait=running&timeout_secs=3600', {}, 400, 'timeout_secs', 'must be <= 600'],
];

function entries(count: number): Record<string, string> {
  return Object.fromEntries(Array.from({ length: count }, (_, i) => [`k${i}`, '']));
}

test('bad input is answered with what is wrong, nothing happens, and the server goes on', async () => {
  const api = await RestWorld.create();
  for (const [what, method, path, body, status, field, message] of TABLE) {
    const answer = await api.call(method, path, { body });
    expect({ what, status: answer.status, field: answer.body.error.details?.field }).toEqual({ what, status, field });
    expect(answer.body.error.message).toContain(message);
  }
  expect((await api.call('GET', 'sandboxes')).body).toEqual({ sandboxes: [] });
  expect(api.logged.filter(({ level }) => level === 'error')).toEqual([]);
});

test('values that may be secret are not repeated in errors', async () => {
  const api = await RestWorld.create();
  for (const body of [{ secrets: { A: 'hunter2\0' } }, { env: { A: 'hunter2\0' } }, { secrets: 'hunter2' }]) {
    const answer = await api.call('POST', 'sandboxes', { body });
    expect(answer.status).toBe(400);
    expect(JSON.stringify(answer.body)).not.toContain('hunter2');
  }
});

test('a body of 10 MB is refused with the limit', async () => {
  const api = await RestWorld.create();
  const answer = await api.call('POST', 'sandboxes', { body: 'x'.repeat(10_000_000) });
  expect(answer).toMatchObject({ status: 413, body: { error: { reason: 'request_too_large', details: { limit_bytes: 1_048_576 } } } });
});

test.each([
  ['no content type, as JSON', undefined, '{}', 202],
  ['what curl -d sends, when it is JSON', 'application/x-www-form-urlencoded', ' {"labels": {}}', 202],
  ['what curl -d sends, when it is a form', 'application/x-www-form-urlencoded', 'ttl_secs=5', 415],
  ['JSON with a charset', 'application/json; charset=utf-8', '{}', 202],
  ['an empty body with a type', 'application/json', '', 202],
  ['XML', 'application/xml', '<a/>', 415],
  ['multipart', 'multipart/form-data; boundary=x', '--x--', 415],
  ['a type that is none', 'json', '{}', 415],
  ['JSON that is not UTF-8', 'application/json', Buffer.from([0x22, 0xff, 0x22]), 400],
])('%s is understood or refused by its content type', async (_what, type, body, status) => {
  const api = await RestWorld.create();
  const response = await fetch(`${api.url}/v1/namespaces/default/sandboxes`, {
    method: 'POST',
    body: typeof body === 'string' ? Buffer.from(body) : body,
    headers: type === undefined ? {} : { 'content-type': type },
  });
  expect(response.status).toBe(status);
  expect(await response.json()).toBeTypeOf('object');
});

const ROUTES = [
  'sandboxes',
  `sandboxes/${SB}/snapshots`,
  `sandboxes/${SB}/fork`,
  `snapshots/${SNAP}/restore`,
  `sandboxes/${SB}/exec`,
  `sandboxes/${SB}/timeout`,
];
const FIELDS = [
  'image',
  'resources',
  'env',
  'labels',
  'ttl_secs',
  'name',
  'count',
  'cmd',
  'args',
  'network',
  'timeout_secs',
  'wait',
  '__proto__',
];

test('no JSON makes the server fail', async () => {
  const api = await RestWorld.create({ auto: false });
  const body = fc.oneof(
    fc.jsonValue(),
    fc.dictionary(fc.constantFrom(...FIELDS), fc.jsonValue(), { maxKeys: 4 }),
    fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue(), { maxKeys: 3 }),
  );
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...ROUTES), body, async (path, json) => {
      const { status } = await api.call('POST', path, { body: json });
      expect(status).toBeLessThan(500);
    }),
    { numRuns: 300 },
  );
  expect((await api.call('GET', '/health')).status).toBe(200);
});

test('no bytes make the server fail', async () => {
  const api = await RestWorld.create({ auto: false });
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 64 }), async (bytes) => {
      const init = { method: 'POST', body: bytes.slice(), headers: { 'content-type': 'application/json' } };
      const response = await fetch(`${api.url}/v1/namespaces/default/sandboxes`, init);
      expect(response.status).toBeLessThan(500);
      await response.body?.cancel();
    }),
    { numRuns: 150 },
  );
  expect((await api.call('GET', '/health')).status).toBe(200);
});

test('no path or query makes the server fail', async () => {
  const api = await RestWorld.create();
  const piece = fc.oneof(
    fc.constantFrom(
      'sandboxes',
      'snapshots',
      'v1',
      'namespaces',
      'default',
      SB,
      SNAP,
      '..',
      '.',
      '%2F',
      '%00',
      '%0a',
      '%',
      '%zz',
      '*',
      ':id',
      '',
    ),
    fc
      .string({ unit: 'binary', maxLength: 12 })
      .filter((text) => text.isWellFormed())
      .map(encodeURIComponent),
  );
  const query = fc.dictionary(fc.constantFrom('limit', 'cursor', 'label', 'status', 'wait', 'name', 'timeout_secs', 'x'), piece);
  const method = fc.constantFrom('GET', 'POST', 'DELETE', 'PUT', 'PATCH', 'OPTIONS', 'HEAD');
  await fc.assert(
    fc.asyncProperty(method, fc.array(piece, { maxLength: 7 }), query, async (verb, path, values) => {
      const parameters = Object.entries(values).map(([name, value]) => `${name}=${value}`);
      const response = await api.send(verb, `/${path.join('/')}?${parameters.join('&')}`);
      expect(response.status).toBeLessThan(500);
      await response.body?.cancel();
    }),
    { numRuns: 300 },
  );
  expect((await api.call('GET', '/health')).status).toBe(200);
});
