import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { guestOf, NEVER, newSandboxId, run, startRequest } from '../contract/driver-contract.ts';
import { DockerWorld } from '../support/docker-world.ts';
import type { TestImages } from '../support/images.ts';

/** Programs that are there in every sandbox: the guest's own. */
const GUEST_NODE = ['/dev/sandglass/ld.so', '--library-path', '/dev/sandglass/lib', '/dev/sandglass/node', '-e'];
/** Says what it is given, and whether it has a terminal. */
const TELL = "process.stdout.write(require('tty').isatty(1) + ' ' + require('fs').readFileSync(process.argv[1]))";

describe('the guest runs in', () => {
  let world: DockerWorld;
  beforeAll(async () => {
    world = await DockerWorld.create('images');
  });
  afterAll(() => world.close());

  const IMAGES: [string, (images: TestImages) => string | Promise<string>, (path: string) => string[]][] = [
    ['one with a static shell', (images) => images.busybox, (path) => ['cat', path]],
    ['one with a C library of its own', (images) => images.withLibraries(), (path) => ['/bin/sh', '-c', `exec cat ${path}`]],
    ['one with a single static program, and no shell', (images) => images.oneProgram(), (path) => ['/bin/busybox', 'cat', path]],
    ['one with nothing at all but a text', (images) => images.scratch(), (path) => [...GUEST_NODE, TELL, path]],
  ];
  test.each(IMAGES)('%s: files, commands and terminals work', async (_what, image, command) => {
    const sandboxId = newSandboxId();
    await world.driver.startSandbox(startRequest(sandboxId, await image(world.images)), () => {}, NEVER);
    const guest = guestOf(world.driver, sandboxId);
    const bytes = randomBytes(300_000);
    await guest.putFile('/new/folder/a file\nwith ä', bytes);
    expect((await guest.getFile('/new/folder/a file\nwith ä')).equals(bytes)).toBe(true);
    await guest.putFile('/text', Buffer.from('told'));
    expect((await run(world.driver, sandboxId, command('/text'))).stdout).toMatch(/^(false )?told$/);
    const terminal = await (await guest.start({ command: command('/text'), pty: { cols: 80, rows: 24 } })).finish();
    expect(terminal).toMatchObject({ exitCode: 0 });
    expect(terminal.pty.toString()).toMatch(/^(true )?told$/);
    await world.driver.stopSandbox(sandboxId, NEVER);
  });
});
