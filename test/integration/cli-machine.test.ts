import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { apiExecutor, EXECUTOR_ID } from '../support/api-objects.ts';
import { FakeApi, type Route } from '../support/fake-api.ts';
import { type RunCliOptions, runCli } from '../support/run-cli.ts';

let api: FakeApi;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sandglass-cli-'));
});
afterAll(() => rm(folder, { recursive: true }));
beforeEach(async () => {
  api = await FakeApi.start();
});
afterEach(() => api.close());

/** Runs the CLI against the fake server; `command` is split at spaces. */
function sandglass(command: string, { env, ...options }: RunCliOptions = {}) {
  return runCli(command.split(' '), { ...options, env: { SANDGLASS_URL: api.url, ...env } });
}
const answer =
  (status: number, body: unknown): Route =>
  (_request, reply) =>
    reply.json(status, body);

describe('executor', () => {
  test('ls prints a table', async () => {
    api.on(
      'GET /v1/executors',
      answer(200, { executors: [apiExecutor({ cordoned: true, runtimes: ['io.containerd.runc.v2', 'runc'], labels: { zone: 'a' } })] }),
    );
    const { stdout } = await sandglass('executor ls');
    expect(stdout).toMatch(
      new RegExp(`${EXECUTOR_ID} +host-1 +online \\(cordoned\\) +\\d+d +docker 20.10.24 +runc +16 +32 GiB +200 +zone=a`),
    );
  });

  test.each(['cordon', 'uncordon'])('%s prints the id', async (verb) => {
    api.on(`POST /v1/executors/${EXECUTOR_ID}/${verb}`, answer(200, apiExecutor()));
    expect(await sandglass(`executor ${verb} ${EXECUTOR_ID}`)).toEqual({ code: 0, stdout: `${EXECUTOR_ID}\n`, stderr: '' });
  });
});

describe('config, key and doctor', () => {
  test('config shows what is in force, and masks secrets', async () => {
    const file = join(folder, 'sandglass.yaml');
    await writeFile(file, 'server: {listen: "127.0.0.1:9000"}\nexecutor: {join_token: sg_secret}\n');
    const { code, stdout } = await sandglass(`config --config ${file}`);
    expect(code).toBe(0);
    expect(stdout).toMatch(/listen: 127\.0\.0\.1:9000 # .*sandglass\.yaml:1/);
    expect(stdout).not.toContain('sg_secret');
    expect(JSON.parse((await sandglass(`config --json --config ${file}`)).stdout).server.listen).toBe('127.0.0.1:9000');
  });

  test('config tells what is wrong, and where', async () => {
    const file = join(folder, 'wrong.yaml');
    await writeFile(file, 'server:\n  listn: "127.0.0.1:9000"\n');
    const { code, stderr } = await sandglass(`config --config ${file}`);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^error: .*wrong\.yaml:2.*listn/);
  });

  test('key generate makes a key and its hash, another one each time', async () => {
    const make = async () => JSON.parse((await sandglass('key generate --json')).stdout);
    const [first, second] = [await make(), await make()];
    expect(first).toEqual({ key: expect.stringMatching(/^sg_[0-9a-f]{64}$/), hash: expect.stringMatching(/^sha256:[0-9a-f]{64}$/) });
    expect(second.key).not.toBe(first.key);
  });

  test('doctor tells what is wrong and what to do, leaves out what depends on it, and ends with 1', async () => {
    await api.close();
    const env = { SANDGLASS_EXECUTOR_ENGINE: `unix://${folder}/no-engine.sock`, SANDGLASS_DATA_DIR: `${folder}/data` };
    const { code, stdout } = await sandglass('doctor', { env });
    expect(code).toBe(1);
    expect(stdout).toMatch(/^ok {4}node +Node \d+/m);
    expect(stdout).toMatch(/^(ok|warn) +data +.*\/data: .* free$/m);
    expect(stdout).toMatch(/^fail {2}engine +no container engine answers: .*no-engine\.sock/m);
    expect(stdout).toMatch(/^fail {2}server +cannot reach .*\n +→ is it running\?/m);
    expect(stdout).not.toMatch(/^\S+ +(image|ready|executors) /m);
    api = await FakeApi.start();
  });

  test('doctor looks at the server and its executors', async () => {
    api.on('GET /health', answer(200, {}));
    api.on('GET /version', answer(200, { name: 'sandglass', version: '1.2.3', api: 'v1' }));
    api.on('GET /ready', answer(503, { ready: false, reasons: ['the store is opening'] }));
    api.on('GET /v1/executors', answer(200, { executors: [apiExecutor(), apiExecutor({ status: 'offline' })] }));
    const env = { SANDGLASS_EXECUTOR_ENGINE: `unix://${folder}/no-engine.sock`, SANDGLASS_DATA_DIR: `${folder}/data` };
    const { stdout } = await sandglass('doctor --json', { env });
    const statusOf = Object.fromEntries(JSON.parse(stdout).map(({ name, status }: { name: string; status: string }) => [name, status]));
    expect(statusOf).toMatchObject({ node: 'ok', engine: 'fail', server: 'ok', ready: 'fail', executors: 'warn' });
  });
});
