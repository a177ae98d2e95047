import { beforeEach, describe, expect, expectTypeOf, test } from 'vitest';
import * as sdk from '../../sdk/src/index.ts';
import type { ErrorCode } from '../../src/model/reasons.ts';
import type * as executor from '../../src/server/rest/schemas/executor.ts';
import type * as sandbox from '../../src/server/rest/schemas/sandbox.ts';
import type * as snapshot from '../../src/server/rest/schemas/snapshot.ts';
import { bytes } from '../support/fake-command-runner.ts';
import { apiKey, RestWorld } from '../support/rest-world.ts';

/** Values that cross the wire are mutable or not as each side likes. */
type Wire<T> = T extends object ? { -readonly [K in keyof T]: Wire<T[K]> } : T;

describe('the SDK and the server', () => {
  test('agree on every object, field by field: this compiles', () => {
    expectTypeOf<Wire<sdk.Sandbox>>().branded.toEqualTypeOf<Wire<sandbox.Sandbox>>();
    expectTypeOf<Wire<sdk.Snapshot>>().branded.toEqualTypeOf<Wire<snapshot.Snapshot>>();
    expectTypeOf<Wire<sdk.Executor>>().branded.toEqualTypeOf<Wire<executor.Executor>>();
    expectTypeOf<sdk.ErrorCode>().toEqualTypeOf<ErrorCode>();
  });

  let rest: RestWorld;
  let sandglass: sdk.Sandglass;
  beforeEach(async () => {
    rest = await RestWorld.create();
    sandglass = new sdk.Sandglass({ url: rest.url });
  });

  test('do the main job together: create, run, snapshot, restore, fork, delete', async () => {
    const { sandboxes, snapshots } = sandglass;
    rest.commands.script = async function* ({ stdin }) {
      yield { stdout: bytes(await stdin) };
      yield { stderr: bytes('err') };
      yield { exitCode: 3 };
    };
    const { sandbox_id } = await sandboxes.create({ image: 'debian:12', env: { A: '1' }, labels: { team: 'a' } }, { wait: true });
    const params = { cmd: 'cat', stdin: 'é\n' };
    expect(await sandboxes.exec(sandbox_id, params)).toMatchObject({ exit_code: 3, stdout: 'é\n', stderr: 'err' });
    const streamed: sdk.ExecEvent[] = [];
    for await (const event of sandboxes.execStream(sandbox_id, params)) streamed.push(event);
    expect(streamed).toMatchObject([{ stdout: 'é\n' }, { stderr: 'err' }, { exit: { exit_code: 3 } }]);

    const { snapshot_id } = await snapshots.create(sandbox_id, { name: 'v1', ttl_secs: 60 });
    const statuses = new Set<string>();
    const active = await snapshots.waitUntilActive(snapshot_id, { onProgress: ({ status }) => statuses.add(status) });
    expect([...statuses].at(-1)).toBe('active');
    expect(active).toMatchObject({ snapshot_id, sandbox_id, name: 'v1', sandbox_config: { env: { A: '1' } } });

    const restored = await snapshots.restore(snapshot_id, { env: { B: '2' } });
    expect(restored).toMatchObject({ restored_from_snapshot: true, ttl_expired: false });
    expect(await sandboxes.waitUntilRunning(restored.sandbox_id)).toMatchObject({ snapshot_id, env: { A: '1', B: '2' } });
    expect((await snapshots.restore(snapshot_id, { count: 2 })).sandboxes).toHaveLength(2);
    const fork = await sandboxes.fork(sandbox_id);
    expect(fork.sandboxes).toHaveLength(1);

    await sandboxes.pause(sandbox_id);
    await sandboxes.waitUntil(sandbox_id, 'paused');
    await sandboxes.resume(sandbox_id);
    await sandboxes.waitUntilRunning(sandbox_id);

    await snapshots.delete(snapshot_id);
    await snapshots.waitUntilGone(snapshot_id);
    await expect(snapshots.get(snapshot_id)).rejects.toMatchObject({ reason: 'snapshot_not_found', code: 'not_found', status: 404 });
    await sandboxes.delete(sandbox_id);
    expect((await sandboxes.waitUntil(sandbox_id, 'terminated')).outcome).toBe('stopped');
  });

  test('agree on lists: filters, pages, order', async () => {
    const ids: string[] = [];
    for (const team of ['a', 'b', 'a', 'a']) ids.push((await sandglass.sandboxes.create({ labels: { team } })).sandbox_id);
    const seen: string[] = [];
    for await (const { sandbox_id } of sandglass.sandboxes.list({ label: { team: 'a' } }, { pageSize: 2 })) seen.push(sandbox_id);
    expect(seen).toEqual([ids[3], ids[2], ids[0]]);
  });

  test('agree on executors and probes', async () => {
    const [online] = await sandglass.executors.list();
    expect(online?.status).toBe('online');
    const id = online?.executor_id ?? '';
    expect((await sandglass.executors.cordon(id)).cordoned).toBe(true);
    expect((await sandglass.executors.uncordon(id)).cordoned).toBe(false);
    expect(await sandglass.executors.get(id)).toMatchObject({ executor_id: id });
    await sandglass.health();
    expect(await sandglass.ready()).toMatchObject({ ready: true, reasons: [] });
    expect(await sandglass.version()).toMatchObject({ name: 'sandglass', version: '1.2.3' });
  });

  test('agree on idempotency: a creation whose answer was lost is done once', async () => {
    let lose = true;
    const lossy: typeof fetch = async (input, init) => {
      const response = await fetch(input, init);
      if (!lose) return response;
      lose = false;
      await response.text();
      throw new TypeError('fetch failed');
    };
    const client = new sdk.Sandglass({ url: rest.url, fetch: lossy, retry: { baseMs: 1 } });
    const { sandbox_id } = await client.sandboxes.create();
    const { items } = await sandglass.sandboxes.list().page();
    expect(items.map((item) => item.sandbox_id)).toEqual([sandbox_id]);
  });

  test('agree on keys', async () => {
    const closed = await RestWorld.create({ apiKeys: [apiKey('sg_right', { namespace: 'default' })] });
    const as = (key: string) => new sdk.Sandglass({ url: closed.url, apiKey: key });
    await as('sg_right').sandboxes.list().page();
    await expect(as('sg_wrong').sandboxes.list().page()).rejects.toMatchObject({ reason: 'unauthenticated', status: 401 });
  });
});
