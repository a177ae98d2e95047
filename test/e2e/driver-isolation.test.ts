import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { SandboxId } from '../../src/model/ids.ts';
import type { SandboxSpec } from '../../src/model/sandbox.ts';
import { begin, NEVER, newSandboxId, run, sh, startRequest } from '../contract/driver-contract.ts';
import { DockerWorld } from '../support/docker-world.ts';

describe('what a sandbox can do', () => {
  let world: DockerWorld;
  const started: SandboxId[] = [];
  beforeAll(async () => {
    world = await DockerWorld.create('isolation');
  });
  afterAll(() => world.close());

  async function start(spec: Partial<SandboxSpec> = {}) {
    const sandboxId = newSandboxId();
    await world.driver.startSandbox(startRequest(sandboxId, world.images.busybox, spec), () => {}, NEVER);
    started.push(sandboxId);
    return sandboxId;
  }
  const inspect = (sandboxId: SandboxId) => world.docker.getContainer(`sandglass-${sandboxId}`).inspect();

  test('is bounded by limits, a short list of capabilities and the default seccomp profile', async () => {
    const sandboxId = await start({ resources: { cpus: 0.5, memoryMb: 64 } });
    const { HostConfig, Mounts, Config } = await inspect(sandboxId);
    expect(HostConfig).toMatchObject({
      NanoCpus: 500_000_000,
      Memory: 64 * 1024 * 1024,
      MemorySwap: 64 * 1024 * 1024,
      PidsLimit: 1024,
      Privileged: false,
      CapDrop: ['ALL'],
      SecurityOpt: ['no-new-privileges'],
      RestartPolicy: { Name: 'no' },
      LogConfig: { Type: 'json-file', Config: { 'max-size': '10m', 'max-file': '2' } },
    });
    expect(HostConfig.OomScoreAdj).toBeGreaterThan(0);
    const mounts = Mounts.map(({ Destination, RW }) => ({ Destination, RW }));
    expect(mounts).toHaveLength(2);
    expect(mounts).toEqual(
      expect.arrayContaining([
        { Destination: '/dev/sandglass', RW: false },
        { Destination: '/dev/sandglass-run', RW: false },
      ]),
    );
    expect(Config.Hostname).toBe(`sb-${sandboxId.slice(-12)}`);

    const { stdout } = await run(world.driver, sandboxId, ['cat', '/proc/self/status']);
    expect(stdout).toMatch(/^Seccomp:\s+2$/m);
    expect(stdout).toMatch(/^NoNewPrivs:\s+1$/m);
    const effective = Number.parseInt(/^CapEff:\s+(\w+)$/m.exec(stdout)?.[1] ?? '', 16);
    const [NET_RAW, SYS_ADMIN, MKNOD, CHOWN] = [13, 21, 27, 0];
    for (const forbidden of [NET_RAW, SYS_ADMIN, MKNOD]) expect(effective & (1 << forbidden)).toBe(0);
    expect(effective & (1 << CHOWN)).not.toBe(0);
  });

  test('does not include changing the guest, or seeing the host', async () => {
    const sandboxId = await start();
    expect((await sh(world.driver, sandboxId, 'touch /dev/sandglass/x')).stderr).toMatch(/read-only file system/i);
    expect((await sh(world.driver, sandboxId, 'ls /var/run/docker.sock')).exitCode).not.toBe(0);
    expect((await sh(world.driver, sandboxId, 'ps')).stdout.split('\n').length).toBeLessThan(10);
  });

  test('ends at the process limit, and the sandbox does not', async () => {
    const driver = world.newDriver({ pidsLimit: 40 });
    const sandboxId = newSandboxId();
    await driver.startSandbox(startRequest(sandboxId, world.images.busybox), () => {}, NEVER);
    const { stderr } = await sh(driver, sandboxId, 'for i in 1 2 3 4 5 6; do for j in 1 2 3 4 5 6 7 8; do sleep 3 & done; done');
    expect(stderr).toMatch(/fork|resource temporarily unavailable/i);
    await expect.poll(() => sh(driver, sandboxId, 'echo alive').then(({ stdout }) => stdout, String), { timeout: 20_000 }).toBe('alive\n');
    await driver.stopSandbox(sandboxId, NEVER);
  });

  test('leaves no zombies', async () => {
    const sandboxId = await start();
    await sh(world.driver, sandboxId, 'for i in 1 2 3 4 5; do (sh -c "true &" &); done');
    await expect.poll(async () => (await sh(world.driver, sandboxId, 'ps -o stat,comm')).stdout, { timeout: 10_000 }).not.toMatch(/^Z/m);
  });

  test('does not include the network, or the host, when internet access is not allowed', async () => {
    const [open, closed] = [await start(), await start({ network: { allowInternetAccess: false } })];
    const show = (id: SandboxId, what: string) => sh(world.driver, id, `ip ${what}`).then(({ stdout }) => stdout);
    expect(await show(open, 'route')).toContain('default');
    expect(await show(closed, 'route')).toBe('');
    expect(await show(closed, 'link')).not.toContain('eth0');
    expect((await sh(world.driver, closed, 'nc -l -p 80 -e echo up & until echo | nc 127.0.0.1 80; do true; done')).stdout).toBe('up\n');
  });

  test('does not include talking to other sandboxes', async () => {
    const [server, client] = [await start(), await start()];
    const address = Object.values((await inspect(server)).NetworkSettings.Networks)[0]?.IPAddress ?? '';
    const listening = await begin(world.driver, server, ['nc', '-l', '-p', '7777', '-e', 'echo', 'reached']);
    expect(address).toMatch(/^\d+\./);
    const connect = `echo | nc -w 2 ${address} 7777`;
    expect((await sh(world.driver, client, connect)).stdout).not.toContain('reached');
    expect((await sh(world.driver, server, connect)).stdout).toContain('reached'); // it does listen
    await listening.finish();
  });

  test("more CPUs than the host has are the host's", async () => {
    const { cpus } = await world.driver.info(NEVER);
    const { HostConfig } = await inspect(await start({ resources: { cpus: cpus + 10, memoryMb: 64 } }));
    expect(HostConfig.NanoCpus).toBe(cpus * 1e9);
  });

  test('less memory than the engine can give is an error that says so', async () => {
    await expect(start({ resources: { cpus: 1, memoryMb: 1 } })).rejects.toMatchObject({
      reason: 'invalid_resources',
      message: expect.stringContaining('memory'),
    });
  });

  test('a disk limit on storage that has none is an error that says what to do', async () => {
    const { limitsDisk } = await world.driver.info(NEVER);
    if (limitsDisk) return;
    await expect(start({ resources: { cpus: 1, memoryMb: 64, diskMb: 100 } })).rejects.toMatchObject({
      reason: 'invalid_resources',
      message: expect.stringContaining('disk_mb'),
    });
  });

  test('the guest takes little memory', async () => {
    const sandboxId = await start();
    const { stdout } = await sh(world.driver, sandboxId, 'cat /proc/[0-9]*/smaps_rollup | grep Private_Dirty');
    const kilobytes = [...stdout.matchAll(/(\d+) kB/g)].reduce((sum, [, size]) => sum + Number(size), 0);
    expect(kilobytes).toBeGreaterThan(0);
    expect(kilobytes).toBeLessThan(20 * 1024);
  });
});
