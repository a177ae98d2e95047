import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { DockerDriver } from '../../src/driver/docker/docker-driver.ts';
import type { Progress } from '../../src/model/operation.ts';
import { NEVER, newSandboxId, startRequest } from '../contract/driver-contract.ts';
import { DockerWorld } from '../support/docker-world.ts';
import { TEST_LABEL } from '../support/engine.ts';
import { FakeRegistry } from '../support/fake-registry.ts';

describe('an image that is not there', () => {
  let world: DockerWorld;
  let registry: FakeRegistry;
  beforeAll(async () => {
    world = await DockerWorld.create('pull');
  });
  afterAll(() => world.close());
  beforeEach(async () => {
    registry = await FakeRegistry.start({ [TEST_LABEL]: world.label });
  });
  afterEach(async () => {
    await world.docker
      .getImage(registry.image)
      .remove({ force: true })
      .catch(() => {}); // most tests pull nothing
    await registry.close();
  });

  /** Starts a sandbox from `image`, and stops it again. @returns the progress reports. */
  async function start(image: string, driver: DockerDriver = world.driver, signal = NEVER): Promise<Progress[]> {
    const reports: Progress[] = [];
    const sandboxId = newSandboxId();
    await driver.startSandbox(startRequest(sandboxId, image), (progress) => reports.push(progress), signal);
    await driver.stopSandbox(sandboxId, NEVER);
    return reports;
  }

  test('is pulled, with progress in bytes and layers', async () => {
    const reports = await start(registry.image);
    expect(reports.every(({ phase }) => phase === 'pulling')).toBe(true);
    const bytes = reports.map(({ bytesDone }) => bytesDone);
    expect(bytes).toEqual([...bytes].sort((a, b) => a - b));
    const last = reports.at(-1);
    expect(last).toMatchObject({ layersDone: 1, layersTotal: 1 });
    // How much of it depends on how often the engine has spoken: a busy one says little of a layer that comes at once.
    expect(last?.bytesDone).toBeGreaterThan(0);
    expect(last?.bytesDone).toBe(last?.bytesTotal);
  });

  test('is not pulled again once it is there', async () => {
    await start(registry.image);
    registry.failure = 500;
    expect(await start(registry.image)).toEqual([]);
  });

  test('is pulled with the credentials for its registry, and not without', async () => {
    registry.credentials = { username: 'someone', password: 'pässword+/=' };
    await expect(start(registry.image)).rejects.toMatchObject({ reason: 'image_pull_denied' });
    const other = world.newDriver({ registries: [{ host: 'ghcr.io', ...registry.credentials }] });
    await expect(start(registry.image, other)).rejects.toMatchObject({ reason: 'image_pull_denied' });
    const driver = world.newDriver({ registries: [{ host: registry.host, ...registry.credentials }] });
    await expect(start(registry.image, driver)).resolves.not.toEqual([]);
  });

  test('and that no registry has is an error that names it and says what to do', async () => {
    await expect(start(`${registry.host}/tests/image:nosuch`)).rejects.toMatchObject({
      reason: 'image_not_found',
      retryable: false,
      message: expect.stringMatching(/tests\/image:nosuch.*check the name and the tag/),
    });
  });

  test('and whose registry is out of order, or away, can be tried again later', async () => {
    registry.failure = 503;
    await expect(start(registry.image)).rejects.toMatchObject({ reason: 'registry_error', retryable: true });
    await registry.close();
    await expect(start(registry.image)).rejects.toMatchObject({
      reason: 'registry_error',
      retryable: true,
      message: expect.stringContaining('connection refused'),
    });
  });

  test('is given up when its pull stands still and the caller has had enough', async () => {
    registry.stalls = true;
    const controller = new AbortController();
    const starting = start(registry.image, world.driver, controller.signal);
    await Promise.race([registry.layerRequested.promise, starting]);
    controller.abort(new Error('too slow'));
    await expect(starting).rejects.toThrow('too slow');
    expect((await world.driver.inventory(NEVER)).sandboxes).toEqual([]);
  });
});
