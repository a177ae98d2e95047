import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { apiSandbox, apiSnapshot, SANDBOX_ID, SNAPSHOT_ID } from '../support/api-objects.ts';
import { FakeApi, type Route } from '../support/fake-api.ts';
import { type RunCliOptions, runCli } from '../support/run-cli.ts';

const NS = '/v1/namespaces/default';
const SANDBOX = `${NS}/sandboxes/${SANDBOX_ID}`;
const SNAPSHOTS = `${NS}/snapshots`;
const SNAPSHOT = `${SNAPSHOTS}/${SNAPSHOT_ID}`;

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

describe('snapshot', () => {
  const failed = apiSnapshot({
    status: 'failed',
    status_reason: 'no space left on device',
    error: { code: 'resource_exhausted', reason: 'disk_full', message: 'no space left on device', attempts: 3 },
  });
  const events =
    (...snapshots: object[]): Route =>
    (_request, reply) => {
      const stream = reply.stream();
      for (const [revision, snapshot] of snapshots.entries()) stream.event('snapshot', snapshot, String(revision));
      stream.end();
    };
  const capturing = apiSnapshot({ status: 'creating', progress: { phase: 'capture', bytes_done: 1_500_000, bytes_total: 3_000_000 } });

  test('create waits until it is active, and prints the id alone', async () => {
    api.on(`POST ${SANDBOX}/snapshots`, answer(202, { snapshot_id: SNAPSHOT_ID, status: 'creating' }));
    api.on(`GET ${SNAPSHOT}/events`, events(capturing, apiSnapshot()));
    expect(await sandglass(`snapshot create ${SANDBOX_ID} --name v1 --ttl 1h -l a=b`)).toEqual({
      code: 0,
      stdout: `${SNAPSHOT_ID}\n`,
      stderr: '',
    });
    expect(api.requests[0]?.body).toEqual({ name: 'v1', ttl_secs: 3600, labels: { a: 'b' } });
  });

  test("create tells the engine's own message when it failed", async () => {
    api.on(`POST ${SANDBOX}/snapshots`, answer(202, { snapshot_id: SNAPSHOT_ID, status: 'creating' }));
    api.on(`GET ${SNAPSHOT}/events`, events(failed));
    const { code, stdout, stderr } = await sandglass(`snapshot create ${SANDBOX_ID}`);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(new RegExp(`^error: snapshot ${SNAPSHOT_ID} failed: no space left on device\nhint: free disk space`));
  });

  test('ls shows failures with their reason', async () => {
    api.on(`GET ${SNAPSHOTS}`, answer(200, { snapshots: [apiSnapshot({ name: 'v1', size_bytes: 12_345_678 }), failed] }));
    const { stdout } = await sandglass(`snapshot ls --sandbox ${SANDBOX_ID} --name v1`);
    const [head, first, second] = stdout.split('\n');
    expect(head).toMatch(/^SNAPSHOT +NAME +SANDBOX +STATUS +SIZE +AGE +EXPIRES IN +MESSAGE$/);
    expect(first).toMatch(/ v1 .* active .* 12\.3 MB /);
    expect(second).toMatch(/ failed \(disk_full\) .* no space left on device$/);
    expect(api.requests[0]?.query.toString()).toBe(`sandbox_id=${SANDBOX_ID}&name=v1`);
  });

  test('get describes it', async () => {
    api.on(`GET ${SNAPSHOT}`, answer(200, failed));
    const { stdout } = await sandglass(`snapshot get ${SNAPSHOT_ID}`);
    expect(stdout).toMatch(/^Error: +disk_full after 3 attempts: no space left on device$/m);
    expect(stdout).toMatch(/^Expires: +never$/m);
  });

  test('watch prints a line for each change, or a document a line', async () => {
    api.on(`GET ${SNAPSHOT}/events`, events(capturing, apiSnapshot()));
    const time = '\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\dZ';
    const { code, stdout } = await sandglass(`snapshot watch ${SNAPSHOT_ID}`);
    expect(code).toBe(0);
    expect(stdout).toMatch(new RegExp(`^${time}  creating: capture  1\\.5 MB / 3\\.0 MB\n${time}  active\n$`));
    const lines = (await sandglass(`snapshot watch ${SNAPSHOT_ID} --json`)).stdout.trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line))).toEqual([capturing, apiSnapshot()]);
  });

  test('watch of one that fails ends with 1, and of one that is gone with 0', async () => {
    api.on(`GET ${SNAPSHOT}/events`, events(failed), (_request, reply) => {
      const stream = reply.stream();
      stream.event('gone', { snapshot_id: SNAPSHOT_ID });
      stream.end();
    });
    expect(await sandglass(`snapshot watch ${SNAPSHOT_ID}`)).toMatchObject({ code: 1, stderr: expect.stringContaining('no space left') });
    expect(await sandglass(`snapshot watch ${SNAPSHOT_ID}`)).toMatchObject({ code: 0, stdout: expect.stringMatching(/ gone\n$/) });
  });

  test('restore starts as many sandboxes as wanted, and warns when they are fresh ones', async () => {
    const sandboxes = [{ sandbox_id: SANDBOX_ID, status: 'pending' }];
    api.on(`POST ${SNAPSHOT}/restore`, answer(202, { sandboxes, restored_from_snapshot: false, ttl_expired: true }));
    api.on(`GET ${SANDBOX}`, answer(200, apiSandbox()));
    const { code, stdout, stderr } = await sandglass(`snapshot restore ${SNAPSHOT_ID} --force --env A=1`);
    expect({ code, stdout }).toEqual({ code: 0, stdout: `${SANDBOX_ID}\n` });
    expect(stderr).toMatch(/^warning: the snapshot has expired/);
    expect(api.requests[0]?.body).toEqual({ env: { A: '1' }, force: true, count: 1 });
  });

  test('rm waits until it is gone', async () => {
    api.on(`DELETE ${SNAPSHOT}`, answer(200, apiSnapshot({ status: 'deleting' })));
    api.on(`GET ${SNAPSHOT}/events`, (_request, reply) => reply.error(404, 'not_found', 'snapshot_not_found', 'gone'));
    expect(await sandglass(`snapshot rm ${SNAPSHOT_ID}`)).toEqual({ code: 0, stdout: `${SNAPSHOT_ID}\n`, stderr: '' });
  });
});
