import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { apiSandbox, SANDBOX_ID } from '../support/api-objects.ts';
import { FakeApi } from '../support/fake-api.ts';
import { runAtTerminal } from '../support/run-at-terminal.ts';
import { runCli } from '../support/run-cli.ts';

const SANDBOX = `/v1/namespaces/default/sandboxes/${SANDBOX_ID}`;
const LOGS = `GET ${SANDBOX}/logs`;
const AT = 1_750_000_000_000;
const LINES = [
  { at: AT, stream: 'stdout', message: 'one\u001b]0;title\u0007\ttab' },
  { at: AT + 1000, stream: 'stderr', message: 'two' },
];

let api: FakeApi;
beforeEach(async () => {
  api = await FakeApi.start();
});
afterEach(() => api.close());

const sandglass = (command: string) => runCli(command.split(' '), { env: { SANDGLASS_URL: api.url } });

describe('logs', () => {
  test('prints each stream on its own, as it was, where no terminal would obey it', async () => {
    api.on(LOGS, (_request, reply) => reply.json(200, { logs: LINES }));
    const before = Date.now();
    const result = await sandglass(`logs --tail 10 --since 5m ${SANDBOX_ID}`);
    expect(result).toEqual({ code: 0, stdout: 'one\u001b]0;title\u0007\ttab\n', stderr: 'two\n' });
    const query = api.requests[0]?.query;
    expect(query?.get('tail')).toBe('10');
    expect(Number(query?.get('since'))).toBeGreaterThanOrEqual(before - 300_000);
    expect(Number(query?.get('since'))).toBeLessThanOrEqual(Date.now() - 300_000);
  });

  test('leaves nothing for a terminal to obey, unless --raw', async () => {
    api.on(LOGS, (_request, reply) => reply.json(200, { logs: LINES.slice(0, 1) }));
    const env = { SANDGLASS_URL: api.url };
    expect((await runAtTerminal(['logs', SANDBOX_ID], env).ended).printed).toMatch(/one\\x1b\]0;title\\x07\ttab/);
    expect((await runAtTerminal(['logs', '--raw', SANDBOX_ID], env).ended).printed).toContain('one\u001b]0;title\u0007\ttab');
  });

  test('-f goes on with what is printed, until the sandbox ends', async () => {
    api.on(LOGS, (request, reply) => {
      expect(request.query.get('follow')).toBe('true');
      const stream = reply.stream();
      for (const line of LINES) stream.event('log', line);
      stream.event('end', {});
      stream.end();
    });
    const { code, stdout } = await sandglass(`logs -f --json ${SANDBOX_ID}`);
    expect(code).toBe(0);
    expect(
      stdout
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toEqual(LINES);
  });

  test('tells when the connection broke', async () => {
    api.on(LOGS, (_request, reply) => reply.stream(': hello\n\n').hangUp());
    expect(await sandglass(`logs -f ${SANDBOX_ID}`)).toMatchObject({ code: 1, stderr: expect.stringMatching(/^error: the connection/) });
  });

  test.each([
    ['2025-06-15T15:06:40Z', '1750000000000'],
    ['2025-06-15T17:06:40+02:00', '1750000000000'],
  ])('--since %s', async (since, sent) => {
    api.on(LOGS, (_request, reply) => reply.json(200, { logs: [] }));
    await sandglass(`logs --timestamps --since ${since} ${SANDBOX_ID}`);
    expect(api.requests[0]?.query.get('since')).toBe(sent);
  });

  test('--since nonsense is wrong usage', async () => {
    expect(await sandglass(`logs --since yesterday ${SANDBOX_ID}`)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('Write it as 90s'),
    });
  });
});

describe('sandbox timeout and metrics', () => {
  test('timeout prints when it ends', async () => {
    api.on(`POST ${SANDBOX}/timeout`, (request, reply) => {
      const { timeout_secs } = request.body as { timeout_secs: number };
      reply.json(200, apiSandbox(timeout_secs === 0 ? {} : { expires_at: AT }));
    });
    expect((await sandglass(`sandbox timeout ${SANDBOX_ID} 30m`)).stdout).toMatch(/^2025-06-15T15:06:40Z \(\d+d ago\)\n$/);
    expect((await sandglass(`sandbox timeout ${SANDBOX_ID} 0`)).stdout).toBe('no end\n');
    expect(api.requests.map(({ body }) => body)).toEqual([{ timeout_secs: 1800 }, { timeout_secs: 0 }]);
  });

  test('timeout of a paused sandbox counts from when it runs', async () => {
    api.on(`POST ${SANDBOX}/timeout`, (_request, reply) => reply.json(200, apiSandbox({ status: 'paused' })));
    expect((await sandglass(`sandbox timeout ${SANDBOX_ID} 30m`)).stdout).toBe('30m after it runs\n');
  });

  test('resume takes a new timeout', async () => {
    api.on(`POST ${SANDBOX}/resume`, (_request, reply) => reply.json(202, apiSandbox()));
    await sandglass(`sandbox resume --no-wait --timeout 1h ${SANDBOX_ID}`);
    expect(api.requests[0]?.body).toEqual({ timeout_secs: 3600 });
  });

  test.each(['metrics', 'stats'])('%s shows what is used', async (name) => {
    const metrics = {
      at: AT,
      cpus: 2,
      cpu_time_ms: 1500,
      cpu_used: 0.5,
      memory_used_bytes: 12_000_000,
      memory_limit_bytes: 512_000_000,
      memory_cache_bytes: 2_000_000,
      processes: 3,
      network_received_bytes: 1000,
      network_sent_bytes: 10,
    };
    api.on(`GET ${SANDBOX}/metrics`, (_request, reply) => reply.json(200, metrics));
    const { stdout } = await sandglass(`sandbox ${name} ${SANDBOX_ID}`);
    expect(stdout).toMatch(/^CPU: +0\.50 of 2 cores$/m);
    expect(stdout).toMatch(/^Memory: +12\.0 MB of 512\.0 MB, 2\.0 MB of it cache$/m);
    expect(stdout).not.toContain('Disk');
    expect(JSON.parse((await sandglass(`sandbox ${name} --json ${SANDBOX_ID}`)).stdout)).toEqual(metrics);
  });
});
