import { expect, test } from 'vitest';
import { RestWorld } from '../support/rest-world.ts';

const ROUTES = `
  GET /health · GET /ready · GET /version · GET /metrics
  GET /v1/executors · GET /v1/executors/{executor_id}
  POST /v1/executors/{executor_id}/cordon · POST /v1/executors/{executor_id}/uncordon
  GET {ns}/sandboxes · POST {ns}/sandboxes · GET {ns}/sandboxes/{sandbox_id} · DELETE {ns}/sandboxes/{sandbox_id}
  POST {ns}/sandboxes/{sandbox_id}/pause · POST {ns}/sandboxes/{sandbox_id}/resume · POST {ns}/sandboxes/{sandbox_id}/exec
  POST {ns}/sandboxes/{sandbox_id}/fork · POST {ns}/sandboxes/{sandbox_id}/timeout
  GET {ns}/sandboxes/{sandbox_id}/processes · POST {ns}/sandboxes/{sandbox_id}/processes
  GET {ns}/sandboxes/{sandbox_id}/processes/{pid}/output · POST {ns}/sandboxes/{sandbox_id}/processes/{pid}/stdin
  POST {ns}/sandboxes/{sandbox_id}/processes/{pid}/signal · POST {ns}/sandboxes/{sandbox_id}/processes/{pid}/resize
  GET {ns}/sandboxes/{sandbox_id}/files · PUT {ns}/sandboxes/{sandbox_id}/files · DELETE {ns}/sandboxes/{sandbox_id}/files
  GET {ns}/sandboxes/{sandbox_id}/files/stat · GET {ns}/sandboxes/{sandbox_id}/files/list
  POST {ns}/sandboxes/{sandbox_id}/files/mkdir · POST {ns}/sandboxes/{sandbox_id}/files/move
  GET {ns}/sandboxes/{sandbox_id}/files/watch
  GET {ns}/sandboxes/{sandbox_id}/files/archive · PUT {ns}/sandboxes/{sandbox_id}/files/archive
  GET {ns}/sandboxes/{sandbox_id}/terminal · GET {ns}/sandboxes/{sandbox_id}/tcp/{port} · GET {ns}/sandboxes/{sandbox_id}/ports/{port}/
  GET {ns}/sandboxes/{sandbox_id}/logs · GET {ns}/sandboxes/{sandbox_id}/metrics
  GET {ns}/sandboxes/{sandbox_id}/snapshots · POST {ns}/sandboxes/{sandbox_id}/snapshots
  GET {ns}/snapshots · GET {ns}/snapshots/{snapshot_id} · DELETE {ns}/snapshots/{snapshot_id}
  POST {ns}/snapshots/{snapshot_id}/restore · GET {ns}/snapshots/{snapshot_id}/events`;

test('the document has every route, and nothing else', async () => {
  const api = await (await RestWorld.create()).openApi();
  const expected = ROUTES.split(/·|\n/).map((route) => route.trim().replace('{ns}', '/v1/namespaces/{namespace}'));
  const found = [...api.operations()].map(({ method, path }) => `${method.toUpperCase()} ${path}`);
  expect(found.sort()).toEqual(expected.filter(Boolean).sort());
});

test('each operation has an id of its own, says what it does, and documents its errors', async () => {
  const api = await (await RestWorld.create()).openApi();
  const error = { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } };
  const ids = [...api.operations()].map(({ operation }) => {
    expect(operation).toMatchObject({ summary: expect.any(String), tags: [expect.any(String)] });
    expect(operation.responses).toMatchObject({ '4XX': { content: error }, '5XX': { content: error } });
    return operation.operationId;
  });
  expect(new Set(ids).size).toBe(ids.length);
  expect(ids).not.toContain(undefined);
});

test('it is OpenAPI 3.1 with named components, and every reference leads somewhere', async () => {
  const { document } = await (await RestWorld.create()).openApi();
  expect(document.openapi).toBe('3.1.0');
  const names = Object.keys(document.components.schemas);
  expect(names).toEqual(expect.arrayContaining(['Sandbox', 'Snapshot', 'Executor', 'Error', 'CreateSandboxRequest', 'ExecRequest']));
  expect(names.filter((name) => name.startsWith('def-'))).toEqual([]);
  const references = [...JSON.stringify(document).matchAll(/"\$ref":"([^"]*)"/g)].map(([, reference]) => reference);
  const known = new Set(names.map((name) => `#/components/schemas/${name}`));
  expect(references.filter((reference) => !known.has(reference ?? ''))).toEqual([]);
  expect(JSON.stringify(document)).not.toContain('"$id"');
});

test('path parameters are declared where they occur', async () => {
  const api = await (await RestWorld.create()).openApi();
  for (const { path, operation } of api.operations()) {
    const declared = ((operation as { parameters?: { in: string; name: string }[] }).parameters ?? []).filter((one) => one.in === 'path');
    expect([path, declared.map(({ name }) => name).sort()]).toEqual([
      path,
      [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name).sort(),
    ]);
  }
});

test('the page that shows it is served', async () => {
  const api = await RestWorld.create();
  const { status, body } = await api.call('GET', '/docs/');
  expect(status).toBe(200);
  expect(body).toContain('swagger-ui');
});
