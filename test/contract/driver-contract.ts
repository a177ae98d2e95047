import { randomBytes } from 'node:crypto';
import type { Readable } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import type { Driver, ExecRequest, StartRequest } from '../../src/driver/driver.ts';
import { idFromHex, type Namespace, type SandboxId, type SnapshotId } from '../../src/model/ids.ts';
import type { SandboxSpec } from '../../src/model/sandbox.ts';

/** A driver to hold to the contract, on an engine that has `image`, with a shell in it. */
export interface DriverUnderTest {
  readonly driver: Driver;
  readonly image: string;
}

export const CLUSTER = 'cluster-of-tests';
export const NAMESPACE = 'tests' as Namespace;
export const NEVER = new AbortController().signal;

export const newSandboxId = (): SandboxId => idFromHex('sandbox', randomBytes(16).toString('hex'));
export const newSnapshotId = (): SnapshotId => idFromHex('snapshot', randomBytes(16).toString('hex'));

/** A request for a small sandbox without an entrypoint. */
export function startRequest(sandboxId: SandboxId, image: string, spec: Partial<SandboxSpec> = {}): StartRequest {
  return {
    sandboxId,
    namespace: NAMESPACE,
    clusterId: CLUSTER,
    secretEnv: {},
    spec: {
      image,
      resources: { cpus: 1, memoryMb: 128 },
      env: {},
      secretNames: [],
      timeoutSecs: 0,
      onTimeout: 'terminate',
      network: { allowInternetAccess: true },
      exposedPorts: [],
      ...spec,
    },
  };
}

export interface Finished {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command to its end. */
export async function run(
  driver: Driver,
  sandboxId: SandboxId,
  command: readonly string[],
  more: Partial<ExecRequest> = {},
): Promise<Finished> {
  const running = await driver.exec({ sandboxId, command, env: {}, ...more }, NEVER);
  running.stdin.end();
  const [stdout, stderr, exitCode] = await Promise.all([text(running.stdout), text(running.stderr), running.exitCode]);
  return { exitCode, stdout, stderr };
}

export const sh = (driver: Driver, sandboxId: SandboxId, script: string) => run(driver, sandboxId, ['sh', '-c', script]);

export const captureRequest = (sandboxId: SandboxId, snapshotId: SnapshotId) => ({
  sandboxId,
  snapshotId,
  namespace: NAMESPACE,
  clusterId: CLUSTER,
  imageRef: `sandglass/${NAMESPACE}:${snapshotId}`,
});

/** Captures the sandbox. @returns what a restore asks for. */
export async function capture(driver: Driver, sandboxId: SandboxId, snapshotId = newSnapshotId()) {
  const request = captureRequest(sandboxId, snapshotId);
  const captured = await driver.captureSnapshot(request, () => {}, NEVER);
  return { captured, snapshot: { snapshotId, imageRef: request.imageRef, digest: captured.digest } };
}

/** What every driver does, whatever it drives. `subject` is called once for each test, after the suite's own set-up. */
export function describeDriver(subject: () => DriverUnderTest): void {
  const started = async (spec: Partial<SandboxSpec> = {}) => {
    const { driver, image } = subject();
    const sandboxId = newSandboxId();
    await driver.startSandbox(startRequest(sandboxId, image, spec), () => {}, NEVER);
    return { driver, image, sandboxId };
  };
  const stateOf = async (driver: Driver, sandboxId: SandboxId) =>
    (await driver.inventory(NEVER)).sandboxes.find((sandbox) => sandbox.sandboxId === sandboxId)?.state;

  test('it says what its engine is and can do', async () => {
    const info = await subject().driver.info(NEVER);
    expect(info.engine).toMatch(/^\w+ \d/);
    expect(info.cpus).toBeGreaterThan(0);
    expect(info.memoryMb).toBeGreaterThan(0);
    expect(info.runtimes.length).toBeGreaterThan(0);
  });

  test('a started sandbox is listed with its cluster, and starting it again changes nothing', async () => {
    const { driver, image, sandboxId } = await started();
    await sh(driver, sandboxId, 'echo kept > /kept');
    await driver.startSandbox(startRequest(sandboxId, image), () => {}, NEVER);
    expect((await run(driver, sandboxId, ['cat', '/kept'])).stdout).toBe('kept\n');
    expect((await driver.inventory(NEVER)).sandboxes).toContainEqual({ sandboxId, clusterId: CLUSTER, state: 'running' });
    await driver.stopSandbox(sandboxId, NEVER);
  });

  test('two starts of one sandbox at the same time make one sandbox', async () => {
    const { driver, image } = subject();
    const sandboxId = newSandboxId();
    const start = () => driver.startSandbox(startRequest(sandboxId, image), () => {}, NEVER);
    await Promise.all([start(), start()]);
    expect((await sh(driver, sandboxId, 'exit 0')).exitCode).toBe(0);
    await driver.stopSandbox(sandboxId, NEVER);
  });

  test('a stopped sandbox is gone, and stopping it again is fine', async () => {
    const { driver, sandboxId } = await started();
    await driver.stopSandbox(sandboxId, NEVER);
    await driver.stopSandbox(sandboxId, NEVER);
    expect(await stateOf(driver, sandboxId)).toBeUndefined();
    await expect(run(driver, sandboxId, ['true'])).rejects.toMatchObject({ reason: 'sandbox_not_running' });
  });

  test('a command gets its arguments and environment, and its two outputs and exit status come back apart', async () => {
    const { driver, sandboxId } = await started();
    expect(await run(driver, sandboxId, ['echo', 'a b', '$HOME'])).toEqual({ exitCode: 0, stdout: 'a b $HOME\n', stderr: '' });
    expect((await run(driver, sandboxId, ['env'], { env: { GREETING: 'hällo=x' } })).stdout).toContain('GREETING=hällo=x\n');
    expect(await sh(driver, sandboxId, 'echo out; echo err >&2; exit 7')).toEqual({ exitCode: 7, stdout: 'out\n', stderr: 'err\n' });
    await driver.stopSandbox(sandboxId, NEVER);
  });

  test('a command that does not exist is an error, one that a shell does not find is an exit status', async () => {
    const { driver, sandboxId } = await started();
    await expect(run(driver, sandboxId, ['nosuch'])).rejects.toMatchObject({ reason: 'command_not_found' });
    expect((await sh(driver, sandboxId, 'nosuch')).exitCode).toBe(127);
    expect((await sh(driver, sandboxId, 'exit 126')).exitCode).toBe(126);
    await driver.stopSandbox(sandboxId, NEVER);
  });

  test('bytes pass through standard input and output as they are', async () => {
    const { driver, sandboxId } = await started();
    const bytes = Buffer.concat([Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)), randomBytes(1_000_000)]);
    const running = await driver.exec({ sandboxId, command: ['cat'], env: {} }, NEVER);
    running.stdin.end(bytes);
    const [echoed, , exitCode] = await Promise.all([buffer(running.stdout), text(running.stderr), running.exitCode]);
    expect(exitCode).toBe(0);
    expect(echoed.equals(bytes)).toBe(true);
    await driver.stopSandbox(sandboxId, NEVER);
  });

  test('a command that is killed ends with 137', async () => {
    const { driver, sandboxId } = await started();
    const running = await driver.exec({ sandboxId, command: ['sh', '-c', 'echo up; sleep 1000'], env: {} }, NEVER);
    drop(running.stderr);
    await firstChunk(running.stdout);
    await running.kill();
    drop(running.stdout);
    expect(await running.exitCode).toBe(137);
    await driver.stopSandbox(sandboxId, NEVER);
  });

  test('a paused sandbox runs no commands until it is resumed, and both can be repeated', async () => {
    const { driver, sandboxId } = await started();
    await driver.pauseSandbox(sandboxId, NEVER);
    await driver.pauseSandbox(sandboxId, NEVER);
    expect(await stateOf(driver, sandboxId)).toBe('paused');
    await expect(run(driver, sandboxId, ['true'])).rejects.toMatchObject({
      reason: 'sandbox_not_running',
      message: expect.stringContaining('paused'),
    });
    await driver.resumeSandbox(sandboxId, NEVER);
    await driver.resumeSandbox(sandboxId, NEVER);
    expect((await run(driver, sandboxId, ['true'])).exitCode).toBe(0);
    await driver.stopSandbox(sandboxId, NEVER);
  });

  test('what is not there can be neither paused, nor resumed, nor captured', async () => {
    const { driver } = subject();
    const sandboxId = newSandboxId();
    const gone = { reason: 'sandbox_not_running' };
    await expect(driver.pauseSandbox(sandboxId, NEVER)).rejects.toMatchObject(gone);
    await expect(driver.resumeSandbox(sandboxId, NEVER)).rejects.toMatchObject(gone);
    await expect(capture(driver, sandboxId)).rejects.toMatchObject(gone);
  });

  test('a snapshot holds the files as they were, and its source runs on', async () => {
    const { driver, image, sandboxId } = await started();
    await sh(driver, sandboxId, 'echo before > /file');
    const { captured, snapshot } = await capture(driver, sandboxId);
    expect(captured.digest).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(captured.sizeBytes).toBeGreaterThan(0);
    expect(captured.layerCount).toBeGreaterThan(0);
    expect(captured.freezeMs).toBeGreaterThan(0);
    expect(captured.captureMs).toBeGreaterThanOrEqual(captured.freezeMs - 1);
    await sh(driver, sandboxId, 'echo after > /file');

    const restored = newSandboxId();
    await driver.startSandbox({ ...startRequest(restored, image), snapshot }, () => {}, NEVER);
    expect((await run(driver, restored, ['cat', '/file'])).stdout).toBe('before\n');
    await sh(driver, restored, 'echo restored > /file');
    expect((await run(driver, sandboxId, ['cat', '/file'])).stdout).toBe('after\n');

    for (const id of [sandboxId, restored]) await driver.stopSandbox(id, NEVER);
    await driver.removeSnapshot(snapshot.snapshotId, NEVER);
  });

  test('a repeated capture finds the image of the first, with its files', async () => {
    const { driver, sandboxId } = await started();
    const snapshotId = newSnapshotId();
    const first = await capture(driver, sandboxId, snapshotId);
    await sh(driver, sandboxId, 'echo later > /later');
    const second = await capture(driver, sandboxId, snapshotId);
    expect(second.captured.digest).toBe(first.captured.digest);
    await driver.stopSandbox(sandboxId, NEVER);
    await driver.removeSnapshot(snapshotId, NEVER);
  });

  test('a paused sandbox can be captured, and stays paused', async () => {
    const { driver, sandboxId } = await started();
    await driver.pauseSandbox(sandboxId, NEVER);
    const { snapshot } = await capture(driver, sandboxId);
    expect(await stateOf(driver, sandboxId)).toBe('paused');
    await driver.stopSandbox(sandboxId, NEVER);
    await driver.removeSnapshot(snapshot.snapshotId, NEVER);
  });

  test('a removed snapshot is no longer listed nor restorable, and removing it again is fine', async () => {
    const { driver, image, sandboxId } = await started();
    const { snapshot, captured } = await capture(driver, sandboxId);
    const entry = { snapshotId: snapshot.snapshotId, clusterId: CLUSTER, digest: captured.digest };
    expect((await driver.inventory(NEVER)).snapshots).toContainEqual(entry);
    await driver.removeSnapshot(snapshot.snapshotId, NEVER);
    await driver.removeSnapshot(snapshot.snapshotId, NEVER);
    expect((await driver.inventory(NEVER)).snapshots).not.toContainEqual(entry);
    const restore = { ...startRequest(newSandboxId(), image), snapshot };
    await expect(driver.startSandbox(restore, () => {}, NEVER)).rejects.toMatchObject({ reason: 'snapshot_unavailable' });
    await driver.stopSandbox(sandboxId, NEVER);
  });

  test('an image with another digest than the recorded one is not restored', async () => {
    const { driver, image, sandboxId } = await started();
    const { snapshot } = await capture(driver, sandboxId);
    const forged = { ...snapshot, digest: `sha256:${'0'.repeat(64)}` };
    const restore = { ...startRequest(newSandboxId(), image), snapshot: forged };
    await expect(driver.startSandbox(restore, () => {}, NEVER)).rejects.toMatchObject({ reason: 'snapshot_unavailable' });
    await driver.stopSandbox(sandboxId, NEVER);
    await driver.removeSnapshot(snapshot.snapshotId, NEVER);
  });

  test('what is no image reference, or asks for a runtime that is not there, is refused and leaves nothing', async () => {
    const { driver, image } = subject();
    const sandboxId = newSandboxId();
    const attempt = (spec: Partial<SandboxSpec>) => driver.startSandbox(startRequest(sandboxId, image, spec), () => {}, NEVER);
    for (const reference of ['', 'UPPER', 'a b', '../../containers/x', 'x?force=1', 'x#y', `a${'b'.repeat(300)}`, 'x@sha256:zz', 'a\nb']) {
      await expect(attempt({ image: reference })).rejects.toMatchObject({ reason: 'invalid_image' });
    }
    await expect(attempt({ runtime: 'nosuch' })).rejects.toMatchObject({ reason: 'unsupported_runtime' });
    expect(await stateOf(driver, sandboxId)).toBeUndefined();
  });

  test('an aborted signal stops a call before it does anything', async () => {
    const { driver, image } = subject();
    const sandboxId = newSandboxId();
    const reason = new Error('enough');
    await expect(driver.startSandbox(startRequest(sandboxId, image), () => {}, AbortSignal.abort(reason))).rejects.toBe(reason);
    expect(await stateOf(driver, sandboxId)).toBeUndefined();
  });

  test('watching for events ends when it is called off', async () => {
    const controller = new AbortController();
    const events = subject().driver.events(controller.signal)[Symbol.asyncIterator]();
    const next = events.next();
    controller.abort();
    expect((await next).done).toBe(true);
  });

  test('recovery leaves running and paused sandboxes as they are', async () => {
    const [running, paused] = [await started(), await started()];
    await paused.driver.pauseSandbox(paused.sandboxId, NEVER);
    await running.driver.recover(NEVER);
    expect(await stateOf(running.driver, running.sandboxId)).toBe('running');
    expect(await stateOf(paused.driver, paused.sandboxId)).toBe('paused');
    for (const { driver, sandboxId } of [running, paused]) await driver.stopSandbox(sandboxId, NEVER);
  });
}

function drop(stream: Readable): void {
  stream.resume();
}

function firstChunk(stream: Readable): Promise<unknown> {
  return new Promise((resolve, reject) => stream.once('data', resolve).once('error', reject));
}
