import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { SandboxEnded } from '../../src/driver/driver.ts';
import type { SandboxId } from '../../src/model/ids.ts';
import type { SandboxSpec } from '../../src/model/sandbox.ts';
import { NEVER, newSandboxId, sh, startRequest } from '../contract/driver-contract.ts';
import { DockerWorld } from '../support/docker-world.ts';

describe('a sandbox with an entrypoint', () => {
  let world: DockerWorld;
  beforeAll(async () => {
    world = await DockerWorld.create('entrypoint');
  });
  afterAll(() => world.close());

  async function start(spec: Partial<SandboxSpec>, secretEnv: Record<string, string> = {}, image = world.images.busybox) {
    const sandboxId = newSandboxId();
    await world.driver.startSandbox({ ...startRequest(sandboxId, image, spec), secretEnv }, () => {}, NEVER);
    return sandboxId;
  }

  async function logsOf(sandboxId: SandboxId): Promise<string> {
    const lines = await Array.fromAsync(world.driver.logs({ sandboxId, follow: false }, NEVER));
    return lines.map(({ bytes }) => `${Buffer.from(bytes)}\n`).join('');
  }

  /** Starts a sandbox that ends by itself. @returns how it ended, and its log. */
  async function runToEnd(spec: Partial<SandboxSpec>, secretEnv: Record<string, string> = {}, image = world.images.busybox) {
    const watch = new AbortController();
    const events = world.driver.events(watch.signal)[Symbol.asyncIterator]();
    const ended = events.next(); // the subscription begins before the start
    await world.docker.ping();
    const sandboxId = await start(spec, secretEnv, image);
    const { value } = (await ended) as { value: SandboxEnded };
    watch.abort();
    const log = await logsOf(sandboxId);
    expect(value.sandboxId).toBe(sandboxId);
    const { sandboxes } = await world.driver.inventory(NEVER);
    expect(sandboxes).toContainEqual(expect.objectContaining({ sandboxId, state: 'exited', exitCode: value.exitCode }));
    await world.driver.stopSandbox(sandboxId, NEVER);
    return { ...value, log };
  }

  test('runs it with environment, secrets, working directory and user, and ends with its exit status', async () => {
    const Env = ['PATH=/bin', 'FROM_IMAGE=image', 'LD_PRELOAD=/nosuch.so', 'NODE_OPTIONS=--require=/nosuch.js'];
    const image = await world.images.configured('env', { Env, User: 'app' });
    const script = 'echo "$FROM_IMAGE $SETTING $TOKEN $LD_PRELOAD $NODE_OPTIONS $HOME $(pwd) $(id -u):$(id -g) $(id -G)"; exit 9';
    const spec = { entrypoint: ['sh', '-c', script], env: { SETTING: 'setting\nline' }, workdir: '/tmp' };
    const { exitCode, log } = await runToEnd(spec, { TOKEN: 'secret ü' }, image);
    expect(log).toContain('image setting\nline secret ü /nosuch.so --require=/nosuch.js /home/app /tmp 1000:1000 1000 50');
    expect(exitCode).toBe(9);
  });

  test('that a signal ended has the status 128 + n', async () => {
    expect(await runToEnd({ entrypoint: ['sh', '-c', 'kill -KILL $$'] })).toMatchObject({ exitCode: 137, oomKilled: false });
  });

  test('that takes more memory than it has is reported as killed for it', async () => {
    const entrypoint = [
      'sh',
      '-c',
      'head -c 500000000 /dev/zero | tail >/dev/null; dd if=/dev/zero of=/dev/null bs=400M count=1; exit 137',
    ];
    expect(await runToEnd({ entrypoint, resources: { cpus: 1, memoryMb: 64 } })).toMatchObject({ exitCode: 137, oomKilled: true });
  });

  test('takes commands beside it', async () => {
    const sandboxId = await start({ entrypoint: ['sleep', '1000'] });
    expect((await sh(world.driver, sandboxId, 'ps')).stdout).toContain('sleep 1000');
    await world.driver.stopSandbox(sandboxId, NEVER);
  });

  test('gets a SIGTERM before it is stopped', async () => {
    const script = 'trap "echo bye; touch /bye; exit 0" TERM; echo ready; while true; do sleep 0.05; done';
    const sandboxId = await start({ entrypoint: ['sh', '-c', script] });
    const output = await world.docker.getContainer(`sandglass-${sandboxId}`).attach({ stream: true, stdout: true, logs: true });
    const seen: string[] = [];
    output.on('data', (bytes: Buffer) => seen.push(bytes.toString()));
    const closed = new Promise((resolve) => output.on('end', resolve));
    await expect.poll(() => seen.join(''), { timeout: 10_000 }).toContain('ready');
    await world.driver.stopSandbox(sandboxId, NEVER);
    await closed;
    expect(seen.join('')).toContain('bye');
  });

  test('that ignores SIGTERM is stopped all the same', async () => {
    const sandboxId = await start({ entrypoint: ['sh', '-c', 'trap "" TERM; while true; do sleep 0.1; done'] });
    await world.driver.stopSandbox(sandboxId, NEVER);
    expect((await world.driver.inventory(NEVER)).sandboxes).toEqual([]);
  });

  const IMPOSSIBLE: [string, Partial<SandboxSpec>, string][] = [
    ['a program that is not there', { entrypoint: ['nosuch'] }, 'there is no command "nosuch"'],
    ['a file that cannot be run', { entrypoint: ['/etc/passwd'] }, '/etc/passwd is not executable'],
    ['a working directory that is not there', { entrypoint: ['true'], workdir: '/nosuch' }, 'no working directory /nosuch'],
    ['a user that is not there', { entrypoint: ['true'], user: 'nobodyx' }, 'no user "nobodyx"'],
  ];
  test.each(IMPOSSIBLE)('that asks for %s fails to start with the reason, and leaves nothing', async (_what, spec, message) => {
    await expect(start(spec)).rejects.toMatchObject({ reason: 'entrypoint_failed', message: expect.stringContaining(message) });
    expect((await world.driver.inventory(NEVER)).sandboxes).toEqual([]);
    const filters = JSON.stringify({ label: [`dev.sandglass.test=${world.label}`] });
    expect(await world.docker.listContainers({ all: true, filters })).toEqual([]);
  });

  test('gets an environment of a megabyte', async () => {
    const env = Object.fromEntries(Array.from({ length: 16 }, (_, index) => [`V${index}`, 'x'.repeat(64_000)]));
    const { exitCode, log } = await runToEnd({ entrypoint: ['sh', '-c', 'echo $' + '{#V15}'], env });
    expect(log).toContain('64000');
    expect(exitCode).toBe(0);
  });

  test('that is loud from the start takes commands all the same', async () => {
    const sandboxId = await start({ entrypoint: ['sh', '-c', 'yes loud | head -c 3000000; sleep 1000'] });
    expect((await sh(world.driver, sandboxId, 'echo here')).stdout).toBe('here\n');
    await world.driver.stopSandbox(sandboxId, NEVER);
  });
});
