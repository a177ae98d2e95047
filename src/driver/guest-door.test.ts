import { once } from 'node:events';
import { mkdir, readdir, stat, writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, onTestFinished, test } from 'vitest';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { tempFolder } from '../../test/support/temp-folder.ts';
import { silentLogger } from '../lib/logger.ts';
import { GuestDoor } from './guest-door.ts';

const NEVER = new AbortController().signal;

interface TestDoor {
  readonly door: GuestDoor;
  readonly directory: string;
  readonly clock: FakeClock;
  /** Connects, as a guest does. */
  dial(): Promise<Socket>;
}

async function openDoor(directory = join(tempFolder(), 'door')): Promise<TestDoor> {
  const clock = new FakeClock();
  const door = await GuestDoor.open(directory, { clock, log: silentLogger });
  onTestFinished(() => door.close());
  const dial = async () => {
    const socket = connect({ path: join(directory, 'guest.sock'), allowHalfOpen: true });
    onTestFinished(() => void socket.destroy());
    await once(socket, 'connect');
    socket.on('error', () => {});
    return socket;
  };
  return { door, directory, clock, dial };
}

/** Resolves when the other end has ended the connection. */
async function isEnded(socket: Socket): Promise<void> {
  socket.resume();
  await once(socket, 'end');
}

test('connections are handed out in the order in which they came, and carry bytes both ways', async () => {
  const { door, dial } = await openDoor();
  const [first, second] = [await dial(), await dial()];
  for (const guest of [first, second]) {
    const connection = await door.connect(NEVER);
    connection.end('question');
    expect(await text(guest)).toBe('question'); // one direction has ended
    guest.end('answer');
    expect(await text(connection)).toBe('answer');
  }
  expect(door.connectNow()).toBeUndefined();
});

test('whoever waits gets the next connection, and the longest waiting the first', async () => {
  const { door, dial } = await openDoor();
  const waiting = [door.connect(NEVER), door.connect(NEVER)];
  for (const [index, wait] of waiting.entries()) {
    const guest = await dial();
    (await wait).write(`${index}`);
    expect(String((await once(guest, 'data'))[0])).toBe(`${index}`);
  }
});

test('nobody waits for ever, nor for longer than they want', async () => {
  const { door, clock, dial } = await openDoor();
  const patient = door.connect(NEVER);
  const controller = new AbortController();
  const impatient = door.connect(controller.signal);
  controller.abort(new Error('enough'));
  await expect(impatient).rejects.toThrow('enough');
  clock.advance(10_000);
  await expect(patient).rejects.toMatchObject({ reason: 'guest_unavailable', message: expect.stringContaining('10 s') });
  const guest = await dial(); // nobody waits any more
  await expect.poll(() => door.connectNow()?.write('here')).toBe(true);
  expect(String((await once(guest, 'data'))[0])).toBe('here');
});

test('only root gets to the socket, through a path of any length', async () => {
  const { directory, dial } = await openDoor(join(tempFolder(), 'd'.repeat(200), 'e'.repeat(200)));
  expect((await stat(directory)).mode & 0o777).toBe(0o700);
  expect((await stat(join(directory, 'guest.sock'))).mode & 0o777).toBe(0o600);
  await expect(dial()).rejects.toThrow(); // too long for whoever does not know how
});

test('a socket that an earlier process left is replaced, and closing removes it, with all connections', async () => {
  const directory = join(tempFolder(), 'door');
  await mkdir(directory);
  await writeFile(join(directory, 'guest.sock'), '');
  const { door, dial } = await openDoor(directory);
  const guests = [await dial(), await dial()];
  await door.connect(NEVER);
  await door.connect(NEVER);
  const waiting = expect(door.connect(NEVER)).rejects.toMatchObject({ reason: 'guest_unavailable' });
  const [, ...ends] = [door.close(), ...guests.map(isEnded)];
  await Promise.all(ends);
  await waiting;
  await expect(door.connect(NEVER)).rejects.toMatchObject({ reason: 'guest_unavailable' });
  expect(await readdir(directory)).toEqual([]);
});

test('a connection that ends, or says something before it is asked, is dropped', async () => {
  const { door, dial } = await openDoor();
  const [silent, ended, destroyed, loud] = [await dial(), await dial(), await dial(), await dial()];
  ended.end();
  destroyed.destroy();
  loud.write('HTTP/1.1 200 OK\r\n\r\n');
  await Promise.all([isEnded(ended), isEnded(loud)]);
  (await door.connect(NEVER)).write('you');
  expect(String((await once(silent, 'data'))[0])).toBe('you');
  expect(door.connectNow()).toBeUndefined();
});

test('no more than 16 connections are held for nobody', async () => {
  const { door, dial } = await openDoor();
  const guests = [];
  for (let count = 0; count < 17; count++) guests.push(await dial());
  await isEnded(guests[16] as Socket);
  let held = 0;
  while (door.connectNow() !== undefined) held += 1;
  expect(held).toBe(16);
});

test('no more than 1024 connections are in use', async () => {
  const { door, dial } = await openDoor();
  for (let count = 0; count < 1024; count++) {
    await dial();
    await door.connect(NEVER);
  }
  await expect(door.connect(NEVER)).rejects.toMatchObject({ reason: 'too_many_requests' });
  await isEnded(await dial());
});

test('a sandbox that makes useless connections all the time is not listened to for a while, and then again', async () => {
  const { door, directory, clock, dial } = await openDoor();
  for (let count = 0; count < 64; count++) {
    const socket = await dial();
    socket.write('garbage');
    await isEnded(socket);
  }
  await expect.poll(() => readdir(directory)).toEqual([]);
  await expect(dial()).rejects.toThrow('ENOENT');
  clock.advance(1000);
  await expect.poll(() => readdir(directory)).toEqual(['guest.sock']);
  const guest = await dial();
  (await door.connect(NEVER)).write('here');
  expect(String((await once(guest, 'data'))[0])).toBe('here');
});
