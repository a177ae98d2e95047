import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { apiSandbox, SANDBOX_ID, SNAPSHOT_ID } from '../support/api-objects.ts';
import { FakeApi, type Route } from '../support/fake-api.ts';
import { type RunCliOptions, runCli } from '../support/run-cli.ts';

const NS = '/v1/namespaces/default';
const SANDBOXES = `${NS}/sandboxes`;
const SANDBOX = `${SANDBOXES}/${SANDBOX_ID}`;

let api: FakeApi;
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

const accepted = answer(202, { sandbox_id: SANDBOX_ID, status: 'pending' });

describe('sandbox create', () => {
  test('waits until it runs, prints the id alone, and passes every option on', async () => {
    api.on(`POST ${SANDBOXES}`, accepted);
    api.on(`GET ${SANDBOX}`, answer(200, apiSandbox()));
    const options =
      '--cpus 0.5 --memory 1.5g --disk 2g -e A=1 --env B=x=y --secret TOKEN -l team=a --timeout 30m --on-timeout pause --no-internet';
    const { code, stdout, stderr } = await sandglass(
      `sandbox create debian:12 ${options} --workdir /srv --user app -p 80 -p 443 --runtime runsc -- serve --port 80`,
      { env: { TOKEN: 'secret value' } },
    );
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: `${SANDBOX_ID}\n`, stderr: '' });
    expect(api.requestsOf(`POST ${SANDBOXES}`)[0]?.body).toEqual({
      image: 'debian:12',
      resources: { cpus: 0.5, memory_mb: 1536, disk_mb: 2048 },
      env: { A: '1', B: 'x=y' },
      secrets: { TOKEN: 'secret value' },
      labels: { team: 'a' },
      timeout_secs: 1800,
      on_timeout: 'pause',
      network: { allow_internet_access: false },
      workdir: '/srv',
      user: 'app',
      exposed_ports: [80, 443],
      runtime: 'runsc',
      entrypoint: ['serve', '--port', '80'],
    });
  });

  test('without options asks for nothing special; with --no-wait it does not wait', async () => {
    api.on(`POST ${SANDBOXES}`, accepted);
    expect(await sandglass('sandbox create --no-wait --json')).toMatchObject({ code: 0, stdout: expect.stringContaining('"pending"') });
    expect(api.requests.map(({ method, body }) => [method, body])).toEqual([['POST', {}]]);
  });

  test('from a snapshot, every operand belongs to the command', async () => {
    api.on(`POST ${SANDBOXES}`, accepted);
    await sandglass(`sandbox create --no-wait --from-snapshot ${SNAPSHOT_ID} --entrypoint sh -- -c true`);
    expect(api.requests[0]?.body).toEqual({ snapshot_id: SNAPSHOT_ID, entrypoint: ['sh', '-c', 'true'] });
  });

  test('tells what kept it from starting', async () => {
    api.on(`POST ${SANDBOXES}`, accepted);
    api.on(`GET ${SANDBOX}`, (_request, reply) => reply.error(422, 'failed_precondition', 'sandbox_failed', 'no such runtime: x'));
    expect(await sandglass('sandbox create')).toMatchObject({ code: 1, stdout: '', stderr: 'error: no such runtime: x\n' });
  });

  test('--wait-timeout bounds the wait', async () => {
    api.on(`POST ${SANDBOXES}`, accepted);
    api.on(`GET ${SANDBOX}`, answer(202, apiSandbox({ status: 'pending' })));
    const { code, stderr } = await sandglass('sandbox create --wait-timeout 0');
    expect(code).toBe(4);
    expect(stderr).toMatch(/is not running after 0 ms\nhint: .*--wait-timeout/);
  });

  test('Ctrl-C ends the wait with 130, and tells what goes on', async () => {
    let interrupt = () => {};
    api.on(`POST ${SANDBOXES}`, accepted);
    api.on(`GET ${SANDBOX}`, () => interrupt());
    const onStart: RunCliOptions['onStart'] = (child) => {
      interrupt = () => child.kill('SIGINT');
    };
    const { code, stderr } = await sandglass('sandbox create', { onStart });
    expect({ code, stderr }).toEqual({ code: 130, stderr: `error: interrupted; ${SANDBOX_ID} goes on starting\n` });
  });
});

describe('sandbox ls and get', () => {
  const ended = apiSandbox({ sandbox_id: 'sb-2', status: 'terminated', outcome: 'timeout', message: 'its time was up' });
  const hostile = apiSandbox({ image: 'evil\u001b]0;title\u0007\nimage', labels: { note: '\u001b[31m' } });

  test('ls prints a table without ended ones, in which nothing is left to obey', async () => {
    api.on(`GET ${SANDBOXES}`, answer(200, { sandboxes: [hostile, ended] }));
    const { code, stdout } = await sandglass('sandbox ls');
    expect(code).toBe(0);
    const [head, row, ...rest] = stdout.trimEnd().split('\n');
    expect(head).toMatch(/^SANDBOX +IMAGE +STATUS +CPUS +MEMORY +AGE +ENDS IN +MESSAGE$/);
    expect(row).toMatch(/^sb-\w+ {3}evil\\x1b\]0;title\\x07\\nimage {3}running {3}1 {6}512 MiB {3}\d+d$/);
    expect(row?.indexOf('evil')).toBe(head?.indexOf('IMAGE'));
    expect(rest).toEqual([]);
  });

  test('ls --all shows ended ones, and why they ended', async () => {
    api.on(`GET ${SANDBOXES}`, answer(200, { sandboxes: [ended] }));
    expect((await sandglass('sandbox ls --all')).stdout).toMatch(/sb-2 .* terminated \(timeout\) .* its time was up/);
  });

  test('ls asks for what is wanted and stops at the limit, saying so', async () => {
    const sandboxes = [1, 2, 3].map((n) => apiSandbox({ sandbox_id: `sb-${n}` }));
    api.on(`GET ${SANDBOXES}`, answer(200, { sandboxes, next_cursor: 'more' }));
    const { stdout, stderr } = await sandglass('sandbox ls --json --limit 2 --status running -l a=1 --label b=2');
    expect(JSON.parse(stdout)).toEqual(sandboxes.slice(0, 2));
    expect(stderr).toContain('only the newest 2');
    expect(api.requests).toHaveLength(1);
    expect(api.requests[0]?.query.toString()).toBe('status=running&label=a%3D1&label=b%3D2');
  });

  test('get describes it, or prints it as it is', async () => {
    api.on(`GET ${SANDBOX}`, answer(200, hostile));
    const { stdout } = await sandglass(`sandbox get ${SANDBOX_ID}`);
    expect(stdout).toMatch(/^Status: +running$/m);
    expect(stdout).toMatch(/^Secrets: +TOKEN$/m);
    expect(stdout).toMatch(/^Created: +2025-06-15T15:06:40Z \(\d+d ago\)$/m);
    expect(stdout).not.toContain('\u001b');
    expect(JSON.parse((await sandglass(`sandbox get ${SANDBOX_ID} --json`)).stdout)).toEqual(hostile);
  });
});

describe('sandbox pause, resume, fork and rm', () => {
  test.each([
    ['pause', 'paused'],
    ['resume', 'running'],
  ] as const)('%s waits until it is %s', async (verb, status) => {
    api.on(`POST ${SANDBOX}/${verb}`, answer(202, apiSandbox()));
    api.on(`GET ${SANDBOX}`, answer(200, apiSandbox({ status })));
    expect(await sandglass(`sandbox ${verb} ${SANDBOX_ID}`)).toEqual({ code: 0, stdout: `${SANDBOX_ID}\n`, stderr: '' });
    expect(api.requestsOf(`GET ${SANDBOX}`)[0]?.query.get('wait')).toBe(status);
  });

  test('fork prints the ids of the new sandboxes', async () => {
    const sandboxes = ['sb-1', 'sb-2'].map((sandbox_id) => ({ sandbox_id, status: 'pending' }));
    api.on(`POST ${SANDBOX}/fork`, answer(202, { snapshot_id: SNAPSHOT_ID, sandboxes }));
    expect((await sandglass(`sandbox fork ${SANDBOX_ID} --count 2 --no-wait`)).stdout).toBe('sb-1\nsb-2\n');
    expect(api.requests[0]?.body).toEqual({ count: 2 });
  });

  test('rm goes on after a failure, and ends with the code of the first', async () => {
    api.on(`DELETE ${SANDBOX}`, answer(200, apiSandbox({ status: 'stopping' })));
    api.on(`GET ${SANDBOX}`, answer(200, apiSandbox({ status: 'terminated' })));
    api.on(`DELETE ${SANDBOXES}/sb-x`, (_request, reply) => reply.error(404, 'not_found', 'sandbox_not_found', 'no sandbox sb-x'));
    const { code, stdout, stderr } = await sandglass(`sandbox rm sb-x ${SANDBOX_ID}`);
    expect({ code, stdout }).toEqual({ code: 3, stdout: `${SANDBOX_ID}\n` });
    expect(stderr).toMatch(/^error: no sandbox sb-x\n/);
  });
});
