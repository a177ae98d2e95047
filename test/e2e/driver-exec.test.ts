import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ExecRequest } from '../../src/driver/driver.ts';
import type { SandboxId } from '../../src/model/ids.ts';
import { NEVER, newSandboxId, run, sh, startRequest } from '../contract/driver-contract.ts';
import { DockerWorld } from '../support/docker-world.ts';

describe('a command', () => {
  let world: DockerWorld;
  let sandboxId: SandboxId;
  beforeAll(async () => {
    world = await DockerWorld.create('exec');
    const image = await world.images.configured('exec', {
      User: 'app',
      WorkingDir: '/home/app',
      Env: ['PATH=/bin', 'LD_PRELOAD=/x.so', 'A=image'],
    });
    sandboxId = newSandboxId();
    await world.driver.startSandbox(startRequest(sandboxId, image), () => {}, NEVER);
  });
  afterAll(() => world.close());

  test('runs as the image says, unless it says otherwise itself', async () => {
    const script = ['sh', '-c', 'echo "$(id -u) $(pwd) $A $LD_PRELOAD"'];
    expect((await run(world.driver, sandboxId, script)).stdout).toBe('1000 /home/app image /x.so\n');
    const own = { user: 'root', workdir: '/tmp', env: { A: 'own', LD_PRELOAD: '' } };
    expect((await run(world.driver, sandboxId, script, own)).stdout).toBe('0 /tmp own \n');
  });

  const IMPOSSIBLE: [string, Partial<ExecRequest>, string][] = [
    ['a program that is not there', { command: ['/nosuch/program'] }, 'command_not_found'],
    ['a folder as a program', { command: ['/etc'] }, 'command_not_found'],
    ['a user that is not there', { user: 'nobodyx' }, 'invalid_user'],
    ['a group that is not there', { user: 'app:nogroup' }, 'invalid_user'],
    ['a user id out of range', { user: '99999999999' }, 'invalid_user'],
    ['a folder that is not there', { workdir: '/nosuch' }, 'invalid_workdir'],
    ['a folder that is a file', { workdir: '/etc/passwd' }, 'invalid_workdir'],
    ['a folder by a relative path', { workdir: 'tmp' }, 'invalid_workdir'],
    ['a zero byte', { command: ['echo', 'a\0b'] }, 'invalid_request'],
    ['a zero byte in a variable', { env: { A: '\0' } }, 'invalid_request'],
    ['a variable with an impossible name', { env: { 'A=B': 'x' } }, 'invalid_request'],
    ['nothing', { command: [] }, 'invalid_request'],
  ];
  test.each(IMPOSSIBLE)('that asks for %s is refused with the reason', async (_what, request, reason) => {
    await expect(run(world.driver, sandboxId, request.command ?? ['true'], request)).rejects.toMatchObject({ reason });
  });

  test('that says what the engine says of one that cannot start is taken at its word', async () => {
    const script = 'echo "OCI runtime exec failed: exec failed: executable file not found in $PATH: unknown"; exit 126';
    expect(await sh(world.driver, sandboxId, script)).toMatchObject({ exitCode: 126, stdout: expect.stringContaining('OCI runtime') });
  });

  test('waits while nobody reads its output, and takes no memory for it here', async () => {
    const running = await world.driver.exec({ sandboxId, command: ['sh', '-c', 'yes | head -c 100000000'], env: {} }, NEVER);
    running.stderr.resume();
    await expect.poll(() => running.stdout.readableLength).toBeGreaterThan(0);
    const before = process.memoryUsage();
    let bytes = 0;
    let most = 0;
    for await (const chunk of running.stdout as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      most = Math.max(most, running.stdout.readableLength);
    }
    expect(bytes).toBe(100_000_000);
    expect(most).toBeLessThan(1_000_000);
    expect(process.memoryUsage().arrayBuffers - before.arrayBuffers).toBeLessThan(80_000_000);
    expect(await running.exitCode).toBe(0);
  });

  test('whose output is destroyed goes on to its end', async () => {
    const running = await world.driver.exec({ sandboxId, command: ['sh', '-c', 'yes | head -c 10000000; exit 3'], env: {} }, NEVER);
    running.stdout.destroy();
    running.stderr.destroy();
    expect(await running.exitCode).toBe(3);
  });

  test('that does not read its input ends as it wants', async () => {
    const running = await world.driver.exec({ sandboxId, command: ['sh', '-c', 'exit 4'], env: {} }, NEVER);
    running.stdin.write(Buffer.alloc(1_000_000));
    running.stdin.end();
    running.stdout.resume();
    running.stderr.resume();
    expect(await running.exitCode).toBe(4);
    expect(running.stdin.destroyed).toBe(true);
  });

  test('that closes its output before it ends is waited for', async () => {
    const running = await world.driver.exec({ sandboxId, command: ['sh', '-c', 'exec >&- 2>&-; sleep 1; exit 5'], env: {} }, NEVER);
    running.stdout.resume();
    running.stderr.resume();
    expect(await running.exitCode).toBe(5);
  });

  test('is killed with all that it has started', async () => {
    const running = await world.driver.exec({ sandboxId, command: ['sh', '-c', 'sleep 4711 & sleep 4711'], env: {} }, NEVER);
    const output = Promise.all([text(running.stdout), text(running.stderr)]);
    await expect.poll(async () => (await sh(world.driver, sandboxId, 'ps')).stdout).toMatch(/sleep 4711.*sleep 4711/s);
    await running.kill();
    expect(await running.exitCode).toBe(137);
    await output;
    await expect.poll(async () => (await sh(world.driver, sandboxId, 'ps')).stdout).not.toContain('sleep 4711');
  });

  test('that is given up while it starts leaves no process', async () => {
    const filters = JSON.stringify({ container: [`sandglass-${sandboxId}`], event: ['exec_start'] });
    const events = (await world.docker.getEvents({ filters })) as Readable;
    const controller = new AbortController();
    events.once('data', () => controller.abort(new Error('given up'))); // the engine says so before it starts the process
    const given = world.driver.exec({ sandboxId, command: ['sleep', '4712'], env: {} }, controller.signal);
    await expect(given).rejects.toThrow('given up');
    events.destroy();
    expect((await sh(world.driver, sandboxId, 'ps')).stdout).not.toContain('4712');
  });

  test('ends with 137 when its sandbox is stopped', async () => {
    const other = newSandboxId();
    await world.driver.startSandbox(startRequest(other, world.images.busybox), () => {}, NEVER);
    const running = await world.driver.exec({ sandboxId: other, command: ['sleep', '1000'], env: {} }, NEVER);
    running.stdout.resume();
    running.stderr.resume();
    await world.driver.stopSandbox(other, NEVER);
    expect(await running.exitCode).toBe(137);
  });
});
