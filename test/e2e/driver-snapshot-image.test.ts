import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { StartRequest } from '../../src/driver/driver.ts';
import { capture, NEVER, newSandboxId, run, sh, startRequest } from '../contract/driver-contract.ts';
import { DockerWorld } from '../support/docker-world.ts';

const runFile = promisify(execFile);
const SECRET = 'hunter2-hunter2';
const ENV_VALUE = 'configured-value-4711';

describe('the image of a snapshot', () => {
  let world: DockerWorld;
  beforeAll(async () => {
    world = await DockerWorld.create('image');
  });
  afterAll(() => world.close());

  async function start(image: string, more: Partial<StartRequest> = {}) {
    const sandboxId = newSandboxId();
    await world.driver.startSandbox({ ...startRequest(sandboxId, image), ...more }, () => {}, NEVER);
    return sandboxId;
  }

  const CONFIGS: Record<string, object> = {
    'one that sets nothing': {},
    'one that sets everything': {
      User: 'app:staff',
      Env: ['PATH=/bin:/opt', 'LD_PRELOAD=/opt/nosuch.so', 'NODE_OPTIONS=--require=/opt/nosuch.js', 'EMPTY='],
      Entrypoint: ['/bin/sh', '-c'],
      Cmd: ['echo hello'],
      WorkingDir: '/home/app',
      ExposedPorts: { '8080/tcp': {} },
      Volumes: { '/data': {}, '/var/spool/x': {} },
      StopSignal: 'SIGINT',
      Shell: ['/bin/sh', '-ec'],
      OnBuild: ['RUN true'],
      Healthcheck: { Test: ['CMD', 'true'], Interval: 3_600_000_000_000 },
    },
    'one with a command and no entrypoint': { Cmd: ['sh'], Env: ['PATH=/bin'] },
    'one with an entrypoint and no command': { Entrypoint: ['sh'], User: '1000' },
  };
  test.each(Object.keys(CONFIGS))('has the configuration of the original image: %s', async (kind) => {
    const image = await world.images.configured(`config-${Object.keys(CONFIGS).indexOf(kind)}`, CONFIGS[kind] ?? {});
    const spec = { ...startRequest(newSandboxId(), image).spec, env: { SETTING: ENV_VALUE }, workdir: '/tmp', user: 'root' };
    const first = await start(image, { spec, secretEnv: { TOKEN: SECRET } });
    const { snapshot } = await capture(world.driver, first);
    expect(await configOf(snapshot.imageRef)).toEqual(await configOf(image));

    // A snapshot of a restored sandbox is no different.
    const second = await start(image, { spec, snapshot, secretEnv: { TOKEN: SECRET } });
    const again = await capture(world.driver, second);
    expect(await configOf(again.snapshot.imageRef)).toEqual(await configOf(image));
    for (const id of [first, second]) await world.driver.stopSandbox(id, NEVER);
  });

  /** The configuration without our labels; fields that are empty in different ways are the same. */
  async function configOf(reference: string): Promise<object> {
    const { Config } = await world.docker.getImage(reference).inspect();
    const { Hostname: _container, AttachStdin: _a, OpenStdin: _o, StdinOnce: _s, Labels, ...config } = Config;
    const labels = Object.fromEntries(Object.entries(Labels ?? {}).filter(([name]) => !name.startsWith('dev.sandglass.')));
    const isEmpty = (value: unknown) => value === null || (typeof value === 'object' && Object.keys(value).length === 0);
    return Object.fromEntries(Object.entries({ ...config, labels }).filter(([, value]) => value && !isEmpty(value)));
  }

  test('holds neither environment, nor secrets, nor anything of the guest', async () => {
    const sandboxId = newSandboxId();
    const spec = { env: { SETTING: ENV_VALUE }, entrypoint: ['sh', '-c', 'echo started; sleep 1000'] };
    const request = { ...startRequest(sandboxId, world.images.busybox, spec), secretEnv: { TOKEN: SECRET } };
    await world.driver.startSandbox(request, () => {}, NEVER);
    await run(world.driver, sandboxId, ['sh', '-c', 'echo data > /data-file'], { env: { SETTING: ENV_VALUE, TOKEN: SECRET } });
    const container = await runFile('docker', ['inspect', `sandglass-${sandboxId}`]);
    const { snapshot } = await capture(world.driver, sandboxId);
    const save = `docker save ${snapshot.imageRef} | tar -xO`;
    const { stdout: files } = await runFile('sh', ['-c', save], { maxBuffer: 100_000_000, encoding: 'latin1' });
    const inspected = JSON.stringify(await world.docker.getImage(snapshot.imageRef).inspect());
    for (const kept of [container.stdout, files, inspected]) {
      expect(kept).not.toContain(SECRET);
      expect(kept).not.toContain(ENV_VALUE);
    }
    expect(files).toContain('data-file');
    const { stdout: changes } = await runFile('docker', ['diff', `sandglass-${sandboxId}`]);
    expect(changes.trim().split('\n').sort()).toEqual(['A /data-file']);
    await world.driver.stopSandbox(sandboxId, NEVER);
  });

  test('runs under plain docker run, and is then no sandbox of ours', async () => {
    const image = await world.images.configured('runs', { Cmd: ['cat', '/greeting'], Env: ['PATH=/bin'] });
    const sandboxId = await start(image);
    await sh(world.driver, sandboxId, 'echo from the snapshot > /greeting');
    const { snapshot } = await capture(world.driver, sandboxId);
    await world.driver.stopSandbox(sandboxId, NEVER);

    const name = `foreign-${sandboxId}`;
    const { stdout } = await runFile('docker', ['run', '--name', name, snapshot.imageRef]);
    expect(stdout).toBe('from the snapshot\n');
    expect((await world.driver.inventory(NEVER)).sandboxes).toEqual([]);
    await world.driver.recover(NEVER);
    await world.driver.stopSandbox(sandboxId, NEVER);
    const { Labels } = (await world.docker.getContainer(name).inspect()).Config;
    expect(Labels).toMatchObject({ 'dev.sandglass.sandbox': '', 'dev.sandglass.executor': '' });
    await world.docker.getContainer(name).remove({ force: true });
  });

  test('has the files that were written where the image declares a volume', async () => {
    const image = await world.images.configured('volume', { Volumes: { '/data': {} }, Env: ['PATH=/bin'] });
    const sandboxId = await start(image);
    await sh(world.driver, sandboxId, 'mkdir -p /data && echo kept > /data/file');
    const { snapshot } = await capture(world.driver, sandboxId);
    const restored = await start(image, { snapshot });
    expect((await run(world.driver, restored, ['cat', '/data/file'])).stdout).toBe('kept\n');
    const twins = () => world.docker.listImages({ filters: JSON.stringify({ reference: ['sandglass-volumeless'] }) });
    const ours = (await twins()).length;
    expect(ours).toBeGreaterThanOrEqual(2);
    for (const id of [sandboxId, restored]) await world.driver.stopSandbox(id, NEVER);
    expect((await twins()).length).toBe(ours - 2);
  });

  test('can be taken of a sandbox that has nothing but one file, no shell and no libraries', async () => {
    const image = await world.images.scratch();
    const sandboxId = await start(image);
    await expect(sh(world.driver, sandboxId, 'true')).rejects.toMatchObject({ reason: 'command_not_found' });
    const { snapshot } = await capture(world.driver, sandboxId);
    const restored = await start(image, { snapshot });
    const { sandboxes } = await world.driver.inventory(NEVER);
    expect(sandboxes.filter(({ state }) => state === 'running').map(({ sandboxId: id }) => id)).toEqual(
      expect.arrayContaining([sandboxId, restored]),
    );
    const { stdout } = await runFile('docker', ['diff', `sandglass-${restored}`]);
    expect(stdout).toBe('');
    for (const id of [sandboxId, restored]) await world.driver.stopSandbox(id, NEVER);
  });

  test('stays while a sandbox that started from it runs, and goes with the last one', async () => {
    const first = await start(world.images.busybox);
    const { snapshot, captured } = await capture(world.driver, first);
    await world.driver.stopSandbox(first, NEVER);
    const restored = await start(world.images.busybox, { snapshot });
    await world.driver.removeSnapshot(snapshot.snapshotId, NEVER);
    expect((await world.driver.inventory(NEVER)).snapshots).toEqual(
      expect.not.arrayContaining([expect.objectContaining({ snapshotId: snapshot.snapshotId })]),
    );
    expect((await sh(world.driver, restored, 'echo works')).stdout).toBe('works\n');
    const child = await capture(world.driver, restored);
    await world.driver.stopSandbox(restored, NEVER);
    await expect(world.docker.getImage(captured.digest).inspect()).resolves.toBeTruthy(); // its child needs it
    await world.driver.removeSnapshot(child.snapshot.snapshotId, NEVER);
    await expect(world.docker.getImage(captured.digest).inspect()).rejects.toMatchObject({ statusCode: 404 });
  });

  test('is not reachable for another tenant as a base image', async () => {
    const sandboxId = await start(world.images.busybox);
    const { snapshot, captured } = await capture(world.driver, sandboxId);
    for (const image of [snapshot.imageRef, captured.digest.slice(7), captured.digest.slice(7, 19)]) {
      const foreign = { ...startRequest(newSandboxId(), image), namespace: 'other' as StartRequest['namespace'] };
      await expect(world.driver.startSandbox(foreign, () => {}, AbortSignal.timeout(20_000))).rejects.toMatchObject({
        reason: expect.stringMatching(/^(image_not_found|invalid_image|registry_error)$/),
      });
    }
    await world.driver.stopSandbox(sandboxId, NEVER);
  });
});
