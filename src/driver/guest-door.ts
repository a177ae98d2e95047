import { constants } from 'node:fs';
import { chmod, type FileHandle, mkdir, open, rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { abortable } from '../lib/abortable.ts';
import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../lib/logger.ts';
import { SandglassError } from '../model/errors.ts';

/** Name of the socket in the door's folder. */
export const GUEST_SOCKET = 'guest.sock';

/** Connections that are held for whoever asks next; a guest keeps four. */
const MAX_UNUSED = 16;
/** Connections of one sandbox, used or not. */
const MAX_OPEN = 1024;
/** How long somebody who asks for a connection waits for one. */
const PATIENCE_MS = 10_000;
/** So many connections that were of no use, within so long, and the door stays shut for the rest of that time. */
const MAX_WASTED = 64;
const WASTE_WINDOW_MS = 1000;

export interface GuestDoorOptions {
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * Where the guest of one sandbox comes in: a unix socket in a folder of the host that the sandbox has read-only. The guest
 * connects, and keeps a few connections open; on each that is handed out it answers HTTP/1.1 requests. So nothing of ours has to
 * reach into the sandbox, and nothing in the sandbox can replace the socket or fill the host's disk.
 *
 * Whoever connects is hostile: any root process of the sandbox can. What it costs us is bounded: connections that are too many, that
 * speak before they are spoken to, or that end, are dropped, and a sandbox that wastes many of them is not listened to for a while.
 */
export class GuestDoor {
  readonly #directory: string;
  /** The folder, opened: a path through it is short enough for a unix socket, whatever the folder's own is. */
  readonly #folder: FileHandle;
  readonly #clock: Clock;
  readonly #log: Logger;
  /** Oldest first; each with what takes it out of here. */
  readonly #unused = new Map<Socket, () => void>();
  readonly #inUse = new Set<Socket>();
  /** Who waits for a connection, longest first. */
  readonly #waiting = new Set<PromiseWithResolvers<Socket>>();
  #server: Server | undefined;
  #wasted = 0;
  #closed = false;

  private constructor(directory: string, folder: FileHandle, { clock, log }: GuestDoorOptions) {
    this.#directory = directory;
    this.#folder = folder;
    this.#clock = clock;
    this.#log = log;
  }

  /** Opens the door in `directory`, which is made if it is not there. A socket that an earlier process left is replaced. */
  static async open(directory: string, options: GuestDoorOptions): Promise<GuestDoor> {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    await chmod(directory, 0o700); // whatever the umask is
    const folder = await open(directory, constants.O_RDONLY | constants.O_DIRECTORY);
    const door = new GuestDoor(directory, folder, options);
    try {
      await door.#listen();
      return door;
    } catch (error) {
      await folder.close();
      throw error;
    }
  }

  /** A connection that is there already. */
  connectNow(): Duplex | undefined {
    const [oldest] = this.#unused.keys();
    return oldest === undefined ? undefined : this.#handOut(oldest);
  }

  /**
   * A new connection to the guest, on which the caller speaks HTTP/1.1. It may turn out to have ended just before.
   * @param patienceMs how long it waits for one; 10 s when absent.
   * @throws SandglassError `guest_unavailable`; `too_many_requests` when too many are in use.
   */
  async connect(signal: AbortSignal, patienceMs = PATIENCE_MS): Promise<Duplex> {
    signal.throwIfAborted();
    if (this.#closed) throw new SandglassError('guest_unavailable', 'the sandbox is being stopped');
    const ready = this.connectNow();
    if (ready !== undefined) return ready;
    if (this.#inUse.size >= MAX_OPEN) {
      throw new SandglassError('too_many_requests', `${MAX_OPEN} connections to this sandbox are open already; try again`);
    }
    const arrival = Promise.withResolvers<Socket>();
    this.#waiting.add(arrival);
    const cancel = this.#clock.schedule(patienceMs, () => {
      arrival.reject(new SandglassError('guest_unavailable', `the guest of the sandbox has not answered for ${patienceMs / 1000} s`));
    });
    try {
      return await abortable(arrival.promise, signal);
    } catch (error) {
      arrival.promise.then((socket) => socket.destroy()).catch(() => {}); // one that came as the caller gave up
      throw error;
    } finally {
      cancel();
      this.#waiting.delete(arrival);
    }
  }

  /** Ends all connections and removes the socket. The folder stays: it is mounted for as long as the sandbox is there. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#shut();
    for (const socket of [...this.#unused.keys(), ...this.#inUse]) socket.destroy();
    for (const { reject } of this.#waiting) reject(new SandglassError('guest_unavailable', 'the sandbox is being stopped'));
    await this.#folder.close();
  }

  async #listen(): Promise<void> {
    await rm(join(this.#directory, GUEST_SOCKET), { force: true });
    if (this.#closed) return;
    // Half-open: a connection can carry a TCP stream of which one side has ended.
    const server = createServer({ allowHalfOpen: true }, (socket) => this.#accept(socket));
    this.#server = server;
    const { promise: listening, resolve, reject } = Promise.withResolvers<void>();
    server.on('error', (err) => {
      reject(err);
      this.#log.warn({ err, directory: this.#directory }, 'cannot take connections of a guest');
    });
    const path = `/proc/self/fd/${this.#folder.fd}/${GUEST_SOCKET}`;
    server.listen(path, resolve);
    try {
      await listening;
      await chmod(path, 0o600);
    } catch (error) {
      if (this.#closed) return;
      this.#shut();
      throw error;
    }
  }

  /** Takes no more connections; removes the socket. */
  #shut(): void {
    this.#server?.close();
    this.#server = undefined;
  }

  #accept(socket: Socket): void {
    socket.on('error', () => {}); // it ends with one; whoever uses it then hears of it
    if (this.#closed || this.#unused.size >= MAX_UNUSED || this.#unused.size + this.#inUse.size >= MAX_OPEN) {
      socket.destroy();
      this.#countWasted();
      return;
    }
    const [first] = this.#waiting;
    if (first !== undefined) {
      this.#waiting.delete(first);
      first.resolve(this.#use(socket));
      return;
    }
    // Readable means that it has ended, or says something although nobody has asked.
    const drop = () => {
      this.#unused.delete(socket);
      socket.destroy();
      this.#countWasted();
    };
    socket.once('readable', drop);
    this.#unused.set(socket, () => {
      this.#unused.delete(socket);
      socket.off('readable', drop);
    });
  }

  #handOut(socket: Socket): Socket {
    this.#unused.get(socket)?.();
    return this.#use(socket);
  }

  #use(socket: Socket): Socket {
    this.#inUse.add(socket);
    socket.once('close', () => this.#inUse.delete(socket));
    return socket;
  }

  #countWasted(): void {
    this.#wasted += 1;
    if (this.#wasted === 1) this.#clock.schedule(WASTE_WINDOW_MS, () => this.#beginWindow());
    if (this.#wasted === MAX_WASTED) {
      this.#log.warn({ directory: this.#directory }, 'a sandbox makes connections that are of no use; not listening to it for a while');
      this.#shut();
    }
  }

  #beginWindow(): void {
    this.#wasted = 0;
    if (this.#closed || this.#server !== undefined) return;
    this.#listen().catch((err: unknown) => {
      this.#log.error({ err, directory: this.#directory }, 'cannot listen to a guest again');
      this.#countWasted(); // which tries again
    });
  }
}
