import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { type Sandbox, type SandboxRef, Sandglass, type SnapshotEvent } from '../../sdk/src/index.ts';
import { System } from '../support/system.ts';

const SOON = { timeoutMs: 30_000 };
const FIRST_SECRET = `first-${randomBytes(8).toString('hex')}`;
const SECOND_SECRET = `second-${randomBytes(8).toString('hex')}`;
/** Of the guest, which has served requests; measured 17 MB. */
const MAX_GUEST_BYTES = 20e6;
/** Of a sandbox that nobody uses, from its start on; measured 40 ms, all of it while it started. */
const MAX_IDLE_CPU_MS = 400;
const CLOCK_TICK_MS = 10;

describe('the SDK and the running product', () => {
  let system: System;
  let client: Sandglass;
  let source: Sandbox;
  let idle: Sandbox;
  beforeAll(async () => {
    system = await System.start('sdk', { shape: 'apart' });
    client = new Sandglass({ url: system.url, namespace: 'team-a' });
    [source, idle] = await Promise.all([
      client.sandboxes.create(
        { env: { COLOUR: 'red', SIZE: 'small' }, secrets: { TOKEN: FIRST_SECRET }, labels: { kind: 'source' } },
        { wait: true, ...SOON },
      ),
      client.sandboxes.create({}, { wait: true, ...SOON }),
    ]);
  });
  afterAll(() => system?.close());
  beforeEach(() => system.showLogOnFailure());

  const shell = async (sandboxId: string, script: string) => (await client.sandboxes.exec(sandboxId, { shell: script })).stdout;
  const containerOf = ({ sandbox_id }: SandboxRef) => system.docker.getContainer(`sandglass-${sandbox_id}`);
  const end = async ({ sandbox_id }: SandboxRef) => {
    await client.sandboxes.delete(sandbox_id);
    return await client.sandboxes.waitUntil(sandbox_id, 'terminated', SOON);
  };

  test('a command takes and gives bytes as they are, at once and as a stream', async () => {
    const bytes = Buffer.concat([Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)), randomBytes(300_000)]).toString('base64');
    const params = { cmd: 'cat', stdin: bytes, stdin_encoding: 'base64', encoding: 'base64' } as const;
    expect(await client.sandboxes.exec(source.sandbox_id, params)).toMatchObject({ exit_code: 0, stdout: bytes, stderr: '' });

    const chunks: Buffer[] = [];
    let exitCode: number | undefined;
    for await (const event of client.sandboxes.execStream(source.sandbox_id, params)) {
      if ('stdout' in event) chunks.push(Buffer.from(event.stdout, 'base64'));
      if ('exit' in event) exitCode = event.exit.exit_code;
    }
    expect({ exitCode, bytes: Buffer.concat(chunks).toString('base64') }).toEqual({ exitCode: 0, bytes });
  });

  test('the events of a snapshot tell of its capture, and end when it is active', async () => {
    await shell(source.sandbox_id, 'dd if=/dev/urandom of=/change bs=1M count=20');
    const { snapshot_id } = await client.snapshots.create(source.sandbox_id, { name: 'with-events', labels: { kind: 'nightly' } });
    const events: SnapshotEvent[] = [];
    for await (const event of client.snapshots.events(snapshot_id)) events.push(event);
    const seen = events.map((event) => (event.type === 'gone' ? 'gone' : (event.snapshot.progress?.phase ?? event.snapshot.status)));
    // `creating` may have passed before anybody listened.
    expect(new Set(['creating', ...seen])).toEqual(new Set(['creating', 'capturing', 'active']));
    expect(seen.at(-1)).toBe('active');
    expect(await Array.fromAsync(client.snapshots.list({ name: 'with-events', label: { kind: 'nightly' } }))).toMatchObject([
      { snapshot_id },
    ]);
    await client.snapshots.delete(snapshot_id);
    await client.snapshots.waitUntilGone(snapshot_id, SOON);
  });

  test('forks go on from where their source is, each on its own', async () => {
    await shell(source.sandbox_id, 'echo common >/file');
    const { snapshot_id, sandboxes } = await client.sandboxes.fork(source.sandbox_id, { count: 2, labels: { kind: 'fork' } });
    const forks = await Promise.all(sandboxes.map(({ sandbox_id }) => client.sandboxes.waitUntilRunning(sandbox_id, SOON)));
    expect(new Set(forks.map(({ sandbox_id }) => sandbox_id)).size).toBe(2);
    await Promise.all(forks.map(({ sandbox_id }, index) => shell(sandbox_id, `echo fork ${index} >>/file`)));
    const files = await Promise.all([source, ...forks].map(({ sandbox_id }) => shell(sandbox_id, 'cat /file; echo $COLOUR')));
    expect(files).toEqual(['common\nred\n', 'common\nfork 0\nred\n', 'common\nfork 1\nred\n']);
    await Promise.all(forks.map(end));
    await client.snapshots.delete(snapshot_id);
    await client.snapshots.waitUntilGone(snapshot_id, SOON);
  });

  test('a restore takes what is given anew, keeps the rest, and no secret is anywhere but in the processes', async () => {
    expect(await shell(source.sandbox_id, 'echo $TOKEN')).toBe(`${FIRST_SECRET}\n`);
    const { snapshot_id } = await client.snapshots.create(source.sandbox_id);
    const snapshot = await client.snapshots.waitUntilActive(snapshot_id, SOON);
    const params = {
      env: { COLOUR: 'blue' },
      secrets: { KEY: SECOND_SECRET },
      resources: { memory_mb: 64 },
      network: { allow_internet_access: false },
    };
    const restored = await client.snapshots.restore(snapshot_id, params);
    const copy = await client.sandboxes.waitUntilRunning(restored.sandbox_id, SOON);
    expect(copy).toMatchObject({
      env: { COLOUR: 'blue', SIZE: 'small' },
      secret_names: ['KEY'],
      resources: { cpus: source.resources.cpus, memory_mb: 64 },
      network: { allow_internet_access: false },
      snapshot_id,
    });
    expect(await shell(copy.sandbox_id, 'echo $COLOUR $SIZE "$TOKEN" $KEY')).toBe(`blue small  ${SECOND_SECRET}\n`);
    expect(await shell(copy.sandbox_id, 'ls /sys/class/net')).toBe('lo\n');
    expect((await containerOf(copy).inspect()).HostConfig).toMatchObject({ Memory: 64 * 2 ** 20, NetworkMode: 'none' });

    const image = system.docker.getImage(snapshot.image_ref);
    const places = {
      'the API': [copy, snapshot, await client.sandboxes.get(source.sandbox_id)],
      'the containers': await Promise.all([source, copy].map((sandbox) => containerOf(sandbox).inspect())),
      'the image': [await image.inspect(), await image.history()],
      'the logs': await system.printed(),
    };
    for (const [place, content] of Object.entries(places)) {
      const text = JSON.stringify(content);
      expect({ place, secrets: [FIRST_SECRET, SECOND_SECRET].filter((secret) => text.includes(secret)) }).toEqual({ place, secrets: [] });
    }
    await end(copy);
    await client.snapshots.delete(snapshot_id);
    await client.snapshots.waitUntilGone(snapshot_id, SOON);
  });

  test('a paused sandbox stands still, can be snapshot as it is, and goes on when it is resumed', async () => {
    await client.sandboxes.pause(source.sandbox_id);
    await client.sandboxes.waitUntil(source.sandbox_id, 'paused', SOON);
    expect((await containerOf(source).inspect()).State.Paused).toBe(true);
    await expect(client.sandboxes.exec(source.sandbox_id, { cmd: 'true' })).rejects.toMatchObject({
      status: 409,
      reason: 'sandbox_not_running',
      message: expect.stringContaining('resume it first'),
    });
    const { snapshot_id } = await client.snapshots.create(source.sandbox_id);
    await client.snapshots.waitUntilActive(snapshot_id, SOON);
    expect((await containerOf(source).inspect()).State.Paused).toBe(true);
    await client.snapshots.delete(snapshot_id);

    await client.sandboxes.resume(source.sandbox_id);
    await client.sandboxes.waitUntil(source.sandbox_id, 'running', SOON);
    expect(await shell(source.sandbox_id, 'echo on')).toBe('on\n');
    await client.snapshots.waitUntilGone(snapshot_id, SOON);
  });

  test('a namespace sees nothing of another', async () => {
    const other = new Sandglass({ url: system.url, namespace: 'team-b' });
    expect(await Array.fromAsync(other.sandboxes.list())).toEqual([]);
    await expect(other.sandboxes.exec(source.sandbox_id, { cmd: 'true' })).rejects.toMatchObject({ reason: 'sandbox_not_found' });
    await expect(other.sandboxes.delete(source.sandbox_id)).rejects.toMatchObject({ reason: 'sandbox_not_found' });
  });

  test('a sandbox that nobody uses takes little memory, and no time', async () => {
    const { State } = await containerOf(idle).inspect();
    const pids = [State.Pid, ...(await childrenOf(State.Pid))];
    const memory = await Promise.all(pids.map(privateBytes));
    expect(Math.max(...memory)).toBeLessThan(MAX_GUEST_BYTES);
    const cpuMs = (await Promise.all(pids.map(cpuTicks))).reduce((sum, ticks) => sum + ticks, 0) * CLOCK_TICK_MS;
    expect(cpuMs).toBeLessThan(MAX_IDLE_CPU_MS);
  });

  test('nothing is left in the engine of what has been deleted', async () => {
    for (const sandbox of [source, idle]) {
      expect(await end(sandbox)).toMatchObject({ outcome: 'stopped', message: 'deleted on request' });
    }
    expect(await Array.fromAsync(client.sandboxes.list({ status: 'running' }))).toEqual([]);
    await vi.waitFor(async () => expect(await system.inEngine()).toEqual({ containers: [], images: [] }), 10_000);
  });
});

async function childrenOf(pid: number): Promise<number[]> {
  const children = (await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')).trim();
  return children === '' ? [] : children.split(' ').map(Number);
}

/** Memory that the process shares with no other. @see proc(5), smaps_rollup. */
async function privateBytes(pid: number): Promise<number> {
  const rollup = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8');
  return [...rollup.matchAll(/^Private_(?:Clean|Dirty): +(\d+) kB$/gm)].reduce((sum, [, kib]) => sum + Number(kib) * 1024, 0);
}

/** Time on a CPU since its start. @see proc(5), stat: fields 14 and 15. */
async function cpuTicks(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return Number(fields[11]) + Number(fields[12]);
}
