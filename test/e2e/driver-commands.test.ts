import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { SandboxId } from '../../src/model/ids.ts';
import { begin, guestOf, NEVER, newSandboxId, run, startRequest } from '../contract/driver-contract.ts';
import { DockerWorld } from '../support/docker-world.ts';
import type { CommandRequest } from '../support/guest-commands.ts';

describe('a command', () => {
  let world: DockerWorld;
  let sandboxId: SandboxId;
  beforeAll(async () => {
    world = await DockerWorld.create('commands');
    const image = await world.images.configured('commands', {
      User: 'app',
      WorkingDir: '/home/app',
      Env: ['PATH=/bin', 'LD_PRELOAD=/x.so', 'A=image'],
    });
    sandboxId = newSandboxId();
    await world.driver.startSandbox(startRequest(sandboxId, image), () => {}, NEVER);
  });
  afterAll(() => world.close());

  test('runs as the image says, unless it says otherwise itself', async () => {
    const script = ['sh', '-c', 'echo "$(id -u) $(id -G) $(pwd) $A $LD_PRELOAD"'];
    expect((await run(world.driver, sandboxId, script)).stdout).toBe('1000 1000 50 /home/app image /x.so\n');
    const own = { user: 'root', workdir: '/tmp', env: { A: 'own', LD_PRELOAD: '' } };
    expect((await run(world.driver, sandboxId, script, own)).stdout).toBe('0 0 /tmp own \n');
  });

  const IMPOSSIBLE: [string, Partial<CommandRequest>, string][] = [
    ['a program that is not there', { command: ['/nosuch/program'] }, 'command_not_found'],
    ['a folder as a program', { command: ['/etc'] }, 'command_not_found'],
    ['a user that is not there', { user: 'nobodyx' }, 'invalid_user'],
    ['a folder that is not there', { workdir: '/nosuch' }, 'invalid_workdir'],
    ['a folder that is a file', { workdir: '/etc/passwd' }, 'invalid_workdir'],
    ['a zero byte', { command: ['echo', 'a\0b'] }, 'invalid_request'],
  ];
  test.each(IMPOSSIBLE)('that asks for %s is refused with the reason', async (_what, request, reason) => {
    await expect(run(world.driver, sandboxId, request.command ?? ['true'], request)).rejects.toMatchObject({ reason });
  });

  test('waits while nobody reads its output, and takes no memory for it here', async () => {
    const running = await begin(world.driver, sandboxId, ['sh', '-c', 'yes | head -c 100000000']);
    const before = process.memoryUsage();
    let bytes = 0;
    for await (const { bytes: piece } of running.output()) bytes += piece.length;
    expect(bytes).toBe(100_000_000);
    expect(process.memoryUsage().arrayBuffers - before.arrayBuffers).toBeLessThan(80_000_000);
  });

  test('gets a terminal', async () => {
    const running = await begin(world.driver, sandboxId, ['sh', '-c', 'tty; stty size'], { pty: { cols: 91, rows: 17 } });
    const { exitCode, pty } = await running.finish();
    expect(pty.toString()).toMatch(/^\/dev\/pts\/\d+\r\n17 91\r\n$/);
    expect(exitCode).toBe(0);
  });

  test('goes on while the executor restarts, and is found and attached again with what it has printed meanwhile', async () => {
    const running = await begin(world.driver, sandboxId, ['sh', '-c', 'echo first; until test -e /tmp/go; do sleep 0.05; done; echo last']);
    await running.detach();
    await world.driver.close();
    const driver = world.newDriver();
    await driver.recover(NEVER);
    expect(await guestOf(driver, sandboxId).list()).toEqual([running.pid]);
    await run(driver, sandboxId, ['touch', '/tmp/go'], { user: 'root' });
    const again = await guestOf(driver, sandboxId).attach(running.pid);
    const { exitCode, stdout } = await again.finish();
    expect(stdout.toString()).toMatch(/last\n$/);
    expect(exitCode).toBe(0);
    await driver.close();
  });

  test('is cut off when its sandbox is stopped', async () => {
    const other = newSandboxId();
    await world.driver.startSandbox(startRequest(other, world.images.busybox), () => {}, NEVER);
    const running = await begin(world.driver, other, ['sleep', '1000']);
    const finished = running.finish().catch((error: unknown) => error);
    await world.driver.stopSandbox(other, NEVER);
    expect(await finished).toBeInstanceOf(Error);
  });
});
