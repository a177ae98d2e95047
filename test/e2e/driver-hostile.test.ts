import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { GUEST_SOCKET } from '../../src/driver/guest-door.ts';
import type { SandboxId } from '../../src/model/ids.ts';
import type { SandboxSpec } from '../../src/model/sandbox.ts';
import { begin, NEVER, newSandboxId, run, sh, startRequest } from '../contract/driver-contract.ts';
import { DockerWorld } from '../support/docker-world.ts';

const DOOR = '/dev/sandglass-run';
const SOCKET = `${DOOR}/${GUEST_SOCKET}`;
/** Runs JavaScript in the sandbox, on the guest's own Node: a hostile process can do that too. */
const NODE = ['/dev/sandglass/ld.so', '--library-path', '/dev/sandglass/lib', '/dev/sandglass/node', '-e'];

describe('a hostile sandbox', () => {
  let world: DockerWorld;
  let sandboxId: SandboxId;
  let neighbour: SandboxId;
  beforeAll(async () => {
    world = await DockerWorld.create('hostile');
    [sandboxId, neighbour] = await Promise.all([start(), start()]);
  });
  afterAll(() => world.close());

  async function start(spec: Partial<SandboxSpec> = {}) {
    const id = newSandboxId();
    await world.driver.startSandbox(startRequest(id, world.images.busybox, spec), () => {}, NEVER);
    return id;
  }

  async function expectUnharmed(): Promise<void> {
    for (const id of [sandboxId, neighbour]) expect((await run(world.driver, id, ['echo', 'fine'])).stdout).toBe('fine\n');
  }

  test.each([
    ['remove the socket', `rm ${SOCKET}`],
    ['put something in its place', `touch ${DOOR}/x && mv ${DOOR}/x ${SOCKET}`],
    ['put a link in its place', `ln -sf /etc/passwd ${SOCKET}`],
    ['fill the disk of the host', `dd if=/dev/zero of=${DOOR}/full bs=1M count=1`],
    ['move the folder away', `mv ${DOOR} /dev/elsewhere`],
    ['remove the folder', `rm -rf ${DOOR}`],
    ['make it writable', `mount -o remount,rw ${DOOR} || busybox mount -o remount,rw ${DOOR}`],
    ['open it to everybody', `busybox chmod 777 ${DOOR} ${SOCKET}`],
  ])('cannot %s', async (_what, script) => {
    expect((await sh(world.driver, sandboxId, script)).exitCode).not.toBe(0);
    await expectUnharmed();
  });

  test('keeps its users away from the guest’s socket', async () => {
    const connect = `require('net').connect('${SOCKET}').on('connect', () => console.log('in')).on('error', (e) => console.log(e.code))`;
    expect((await run(world.driver, sandboxId, [...NODE, connect], { user: 'app' })).stdout).toBe('EACCES\n');
    expect((await run(world.driver, sandboxId, ['ls', DOOR], { user: 'app' })).exitCode).not.toBe(0);
  });

  test('that connects itself by the hundred, and sends garbage, harms nobody, and itself not for long', async () => {
    const flood = `
      const net = require('net');
      let made = 0;
      const dial = () => {
        const socket = net.connect('${SOCKET}');
        socket.on('connect', () => { socket.write(Buffer.alloc(1000, 'HTTP/1.1 200 OK ')); made += 1; });
        socket.on('error', () => {});
        socket.on('close', () => setTimeout(dial, 1));
      };
      for (let i = 0; i < 300; i++) dial();
      setTimeout(() => { console.log(made); process.exit(0); }, 3000);`;
    const flooding = await begin(world.driver, sandboxId, [...NODE, flood]);
    const finished = flooding.finish();
    let isOver = false;
    void finished.finally(() => (isOver = true));
    for (let count = 0; !isOver; count++) {
      const before = performance.now();
      expect((await run(world.driver, neighbour, ['echo', `${count}`])).stdout).toBe(`${count}\n`);
      expect(performance.now() - before).toBeLessThan(2000);
    }
    const { stdout, exitCode } = await finished;
    expect(exitCode).toBe(0);
    expect(Number(stdout)).toBeGreaterThan(100);
    await expect
      .poll(() => run(world.driver, sandboxId, ['echo', 'back']).then((ran) => ran.stdout, String), { timeout: 20_000 })
      .toBe('back\n');
    await expectUnharmed();
  });

  test('that holds hundreds of silent connections harms nobody', async () => {
    const hold = `
      const net = require('net');
      for (let i = 0; i < 500; i++) net.connect('${SOCKET}').on('error', () => {});
      setTimeout(() => process.exit(0), 2000);`;
    const holding = await begin(world.driver, sandboxId, [...NODE, hold]);
    await holding.finish();
    await expect
      .poll(() => run(world.driver, sandboxId, ['echo', 'back']).then((ran) => ran.stdout, String), { timeout: 20_000 })
      .toBe('back\n');
    await expectUnharmed();
  });

  test('that kills its guest has ended', async () => {
    const id = await start();
    const killed = sh(world.driver, id, 'kill -9 $PPID'); // commands are its children
    await killed.catch(() => {}); // it takes the connection with it
    const stateOf = async () => (await world.driver.inventory(NEVER)).sandboxes.find((sandbox) => sandbox.sandboxId === id)?.state;
    await expect.poll(stateOf, { timeout: 10_000 }).toBe('exited');
    await expect(run(world.driver, id, ['true'])).rejects.toMatchObject({ reason: 'sandbox_not_running' });
    await world.driver.stopSandbox(id, NEVER);
    await expectUnharmed();
  });

  test('whose guest has stopped is given up after ten seconds, and can still be stopped', async () => {
    const id = await start();
    const stop = `
      const fs = require('fs');
      const pid = fs.readdirSync('/proc').find((name) => { try { return fs.readFileSync('/proc/' + name + '/cmdline', 'utf8').includes('main.mjs') && name !== '1'; } catch { return false; } });
      process.kill(Number(pid), 'SIGSTOP');`;
    await (await begin(world.driver, id, [...NODE, stop])).detach();
    const connections = await Promise.allSettled(Array.from({ length: 6 }, () => world.driver.connectGuest(id, NEVER)));
    const failed = connections.filter(({ status }) => status === 'rejected');
    expect(failed.length).toBeGreaterThan(0);
    for (const failure of failed) expect(failure).toMatchObject({ reason: { reason: 'guest_unavailable' } });
    await world.driver.stopSandbox(id, NEVER);
    await expectUnharmed();
  });
});
