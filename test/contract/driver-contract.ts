import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import type { Driver, StartRequest } from '../../src/driver/driver.ts';
import { idFromHex, type Namespace, type SandboxId, type SnapshotId } from '../../src/model/ids.ts';
import type { SandboxSpec } from '../../src/model/sandbox.ts';
import { type CommandRequest, GuestClient, type GuestCommand } from '../support/guest-commands.ts';

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

/** Talks with the sandbox's guest. */
export const guestOf = (driver: Driver, sandboxId: SandboxId) => new GuestClient(() => driver.connectGuest(sandboxId, NEVER));

/** Starts a command. Its output must be read for it to make progress. */
export function begin(driver: Driver, sandboxId: SandboxId, command: readonly string[], more: Partial<CommandRequest> = {}) {
  return guestOf(driver, sandboxId).start({ command, ...more });
}

/** Runs a command to its end, without input. */
export async function run(
  driver: Driver,
  sandboxId: SandboxId,
  command: readonly string[],
  more: Partial<CommandRequest> = {},
): Promise<Finished> {
  const { exitCode, stdout, stderr } = await (await begin(driver, sandboxId, command, more)).finish();
  return { exitCode, stdout: stdout.toString(), stderr: stderr.toString() };
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
    const running = await begin(driver, sandboxId, ['cat'], { stdin: true });
    const finished = running.finish();
    for (let at = 0; at < bytes.length; at += 300_000) await running.write(bytes.subarray(at, at + 300_000));
    await running.closeStdin();
    const { exitCode, stdout } = await finished;
    expect(exitCode).toBe(0);
    expect(stdout.equals(bytes)).toBe(true);
    await driver.stopSandbox(sandboxId, NEVER);
  });

  test('a command that is killed ends with 137', async () => {
    const { driver, sandboxId } = await started();
    const running = await begin(driver, sandboxId, ['sh', '-c', 'echo up; sleep 1000']);
    expect(await firstOutput(running)).toBe('up\n');
    await running.kill();
    expect((await running.finish()).exitCode).toBe(137);
    await driver.stopSandbox(sandboxId, NEVER);
  });

  test('a command goes on when whoever started it is gone, and is found again', async () => {
    const { driver, sandboxId } = await started();
    const running = await begin(driver, sandboxId, ['cat'], { stdin: true });
    await running.detach();
    expect(await guestOf(driver, sandboxId).list()).toEqual([running.pid]);
    const again = await guestOf(driver, sandboxId).attach(running.pid);
    await again.write(Buffer.from('late'));
    await again.closeStdin();
    expect(await again.finish()).toMatchObject({ exitCode: 0, stdout: Buffer.from('late') });
    await driver.stopSandbox(sandboxId, NEVER);
  });

  test('environment and secrets of a sandbox reach its commands', async () => {
    const { driver, image } = subject();
    const sandboxId = newSandboxId();
    const request = { ...startRequest(sandboxId, image, { env: { SETTING: 'a b', BOTH: 'env' } }), secretEnv: { BOTH: 'secret ü' } };
    await driver.startSandbox(request, () => {}, NEVER);
    const { stdout } = await run(driver, sandboxId, ['env']);
    expect(stdout.split('\n')).toEqual(expect.arrayContaining(['SETTING=a b', 'BOTH=secret ü']));
    await driver.stopSandbox(sandboxId, NEVER);
  });

  test('many connections to one guest do not wait for one another', async () => {
    const { driver, sandboxId } = await started();
    const numbers = Array.from({ length: 40 }, (_, index) => `${index}`);
    const results = await Promise.all(numbers.map((number) => run(driver, sandboxId, ['echo', number])));
    expect(results.map(({ stdout }) => stdout)).toEqual(numbers.map((number) => `${number}\n`));
    await driver.stopSandbox(sandboxId, NEVER);
  });

  test('a sandbox without an entrypoint has an empty log, and a log that is followed ends with its sandbox, or when it is called off', async () => {
    const { driver, sandboxId } = await started();
    expect(await Array.fromAsync(driver.logs({ sandboxId, follow: false }, NEVER))).toEqual([]);
    const controller = new AbortController();
    const calledOff = Array.fromAsync(driver.logs({ sandboxId, follow: true }, controller.signal));
    controller.abort();
    expect(await calledOff).toEqual([]);
    const followed = Array.fromAsync(driver.logs({ sandboxId, follow: true }, NEVER));
    await driver.metrics(sandboxId, NEVER); // so that the engine has been asked for the log
    await driver.stopSandbox(sandboxId, NEVER);
    expect(await followed).toEqual([]);
  });

  test('what a sandbox uses is measured, running or paused', async () => {
    const { driver, sandboxId } = await started({ resources: { cpus: 0.5, memoryMb: 96 } });
    const metrics = await driver.metrics(sandboxId, NEVER);
    expect(metrics).toMatchObject({ cpus: 0.5, memoryLimitBytes: 96 * 1024 * 1024 });
    expect(metrics.memoryUsedBytes).toBeGreaterThan(0);
    expect(metrics.memoryUsedBytes).toBeLessThan(metrics.memoryLimitBytes);
    expect(metrics.cpuTimeMs).toBeGreaterThan(0);
    expect(metrics.cpuUsed).toBeGreaterThanOrEqual(0);
    expect(metrics.processes).toBeGreaterThan(0);
    await driver.pauseSandbox(sandboxId, NEVER);
    expect((await driver.metrics(sandboxId, NEVER)).cpus).toBe(0.5);
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

  test('what is not there can be neither reached, nor paused, nor resumed, nor captured, and has neither log nor figures', async () => {
    const { driver } = subject();
    const sandboxId = newSandboxId();
    const gone = { reason: 'sandbox_not_running' };
    await expect(driver.connectGuest(sandboxId, NEVER)).rejects.toMatchObject(gone);
    await expect(Array.fromAsync(driver.logs({ sandboxId, follow: true }, NEVER))).rejects.toMatchObject(gone);
    await expect(driver.metrics(sandboxId, NEVER)).rejects.toMatchObject(gone);
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

async function firstOutput(command: GuestCommand): Promise<string> {
  const { value } = await command.output().next();
  return typeof value === 'object' ? Buffer.from(value.bytes).toString() : '';
}
