import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { promisify } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Sandbox, Snapshot } from '../../sdk/src/index.ts';
import { System } from '../support/system.ts';

/** Longest that the sandbox may stand still beyond what the snapshot says, on a machine that is busy with other tests. */
const MAX_JITTER_MS = 1_500;
/** Counts, and writes each count with the uptime in seconds. */
const TICKING = ['sh', '-c', 'i=0; while true; do i=$((i+1)); read now _ </proc/uptime; echo $i $now >>/ticks; sleep 0.05; done'];

/**
 * The calls of "Testing the Current State" in the analysis of the system that this one completes, as they stand there. What
 * could not be tested there, because no snapshot ever became active, is tested here too.
 */
describe('the calls of the source analysis', () => {
  let system: System;
  let sandbox: Sandbox;
  let containerId: string;
  let base: string;
  beforeAll(async () => {
    system = await System.start('analysis', { shape: 'apart' });
    base = `${system.url}/v1/namespaces/default`;
    sandbox = await system.client.sandboxes.create({ entrypoint: TICKING }, { wait: true });
    await shell(sandbox.sandbox_id, 'echo from the sandbox >/greeting');
    containerId = (await inspect()).Id;
  });
  afterAll(() => system?.close());
  beforeEach(() => system.showLogOnFailure());

  const shell = async (sandboxId: string, script: string) => (await system.client.sandboxes.exec(sandboxId, { shell: script })).stdout;
  const inspect = () => system.docker.getContainer(`sandglass-${sandbox.sandbox_id}`).inspect();

  test('create, list, look into log and engine, restore, delete', async () => {
    // 1. Create snapshot
    const created = await curl('-X', 'POST', `${base}/sandboxes/${sandbox.sandbox_id}/snapshots`, '-d', '{"ttl_secs": 3600}');
    expect(created).toEqual({ status: 202, body: { snapshot_id: expect.stringMatching(/^snap-[0-9a-f]{32}$/), status: 'creating' } });
    const { snapshot_id } = created.body;

    // 2. List snapshots
    const snapshot = await untilListedAs(snapshot_id, 'active');
    expect(snapshot).toMatchObject({
      sandbox_id: sandbox.sandbox_id,
      ttl_secs: 3600,
      digest: expect.stringMatching(/^sha256:[0-9a-f]{64}$/),
      size_bytes: expect.any(Number),
      available_on: [sandbox.executor_id],
      timings: { freeze_ms: expect.any(Number), capture_ms: expect.any(Number), total_ms: expect.any(Number) },
    });
    expect(snapshot.expires_at).toBe(snapshot.created_at + 3_600_000);

    // 4. Check executor logs
    const lines = (await system.executor.printed()).split('\n').filter((line) => line.includes('Created snapshot successfully'));
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([{ imageRef: snapshot.image_ref, snapshotId: snapshot_id }]);

    // 5. Check Docker
    expect((await system.inEngine()).images).toEqual([snapshot.image_ref]);
    expect(await dockerRun(snapshot.image_ref, ['cat', '/greeting'])).toBe('from the sandbox\n');

    // What could not be tested: restore
    const restored = await curl('-X', 'POST', `${base}/snapshots/${snapshot_id}/restore`);
    expect(restored).toEqual({
      status: 202,
      body: {
        sandbox_id: expect.stringMatching(/^sb-[0-9a-f]{32}$/),
        status: 'pending',
        restored_from_snapshot: true,
        ttl_expired: false,
      },
    });
    const copy = await system.client.sandboxes.waitUntilRunning(restored.body.sandbox_id, { timeoutMs: 30_000 });
    expect(copy.snapshot_id).toBe(snapshot_id);
    expect(await shell(copy.sandbox_id, 'cat /greeting')).toBe('from the sandbox\n');
    await system.client.sandboxes.delete(copy.sandbox_id);
    await system.client.sandboxes.waitUntil(copy.sandbox_id, 'terminated', { timeoutMs: 30_000 });

    // 3. Delete snapshot
    const deleted = await curl('-X', 'DELETE', `${base}/snapshots/${snapshot_id}`);
    expect(deleted).toMatchObject({ status: 200, body: { snapshot_id, status: 'deleting' } });
    await system.client.snapshots.waitUntilGone(snapshot_id, { timeoutMs: 30_000 });
    expect(await curl(`${base}/snapshots/${snapshot_id}`)).toMatchObject({
      status: 404,
      body: { error: { reason: 'snapshot_not_found' } },
    });
    expect((await system.inEngine()).images).toEqual([]);

    await expectRanAllAlong(snapshot);
  });

  test('a snapshot that is not active yet is not restored, and says so in the words of the analysis', async () => {
    system.executor.signal('SIGSTOP'); // the capture does not begin
    const created = await curl('-X', 'POST', `${base}/sandboxes/${sandbox.sandbox_id}/snapshots`, '-d', '{"ttl_secs": 3600}');
    const { snapshot_id } = created.body;
    const refused = await curl('-X', 'POST', `${base}/snapshots/${snapshot_id}/restore`);
    expect(refused).toMatchObject({
      status: 400,
      body: { error: { reason: 'snapshot_not_active', message: 'snapshot must be in Active state, current state: creating' } },
    });
    system.executor.signal('SIGCONT');
    await untilListedAs(snapshot_id, 'active');
    await system.client.snapshots.delete(snapshot_id);
    await system.client.snapshots.waitUntilGone(snapshot_id, { timeoutMs: 30_000 });
  });

  async function untilListedAs(snapshotId: string, status: Snapshot['status']): Promise<Snapshot> {
    return await vi.waitFor(
      async () => {
        const { body } = await curl(`${base}/sandboxes/${sandbox.sandbox_id}/snapshots`);
        const snapshot = (body.snapshots as Snapshot[]).find((listed) => listed.snapshot_id === snapshotId);
        expect(snapshot?.status).toBe(status);
        return snapshot as Snapshot;
      },
      { timeout: 30_000, interval: 100 },
    );
  }

  /** The same process in the same container has gone on counting, and stood still no longer than the snapshot says. */
  async function expectRanAllAlong({ timings }: Snapshot): Promise<void> {
    const { Id, State, RestartCount } = await inspect();
    expect({ Id, RestartCount, running: State.Running, paused: State.Paused }).toEqual({
      Id: containerId,
      RestartCount: 0,
      running: true,
      paused: false,
    });
    const ticks = (await shell(sandbox.sandbox_id, 'cat /ticks'))
      .trimEnd()
      .split('\n')
      .map((line) => line.split(' ').map(Number));
    expect(ticks.map(([count]) => count)).toEqual(ticks.map((_, index) => index + 1));
    const gapsMs = ticks.slice(1).map(([, now = 0], index) => (now - (ticks[index]?.[1] ?? 0)) * 1000);
    expect(Math.max(...gapsMs)).toBeLessThan((timings?.freeze_ms ?? 0) + MAX_JITTER_MS);
  }

  /** `docker run --rm`. @returns what it prints. */
  async function dockerRun(image: string, command: string[]): Promise<string> {
    const container = await system.docker.createContainer({ Image: image, Cmd: command, Tty: true });
    const output = await container.attach({ stream: true, stdout: true });
    const printed: Buffer[] = [];
    output.on('data', (chunk: Buffer) => printed.push(chunk));
    await Promise.all([once(output, 'end'), container.start()]);
    await container.remove({ force: true });
    return Buffer.concat(printed).toString().replaceAll('\r\n', '\n');
  }
});

/** Runs curl with these arguments, and nothing but what shows the status beside. */
async function curl(...args: readonly string[]) {
  const { stdout } = await promisify(execFile)('curl', ['-s', ...args, '-w', '\n%{http_code}']);
  const end = stdout.lastIndexOf('\n');
  return { status: Number(stdout.slice(end)), body: JSON.parse(stdout.slice(0, end)) };
}
