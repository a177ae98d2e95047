import { closeSync } from 'node:fs';
import { endianness } from 'node:os';
import type { Libc, RawPath } from './libc.ts';

/** Bits of an event; see inotify(7). */
export const IN = {
  MODIFY: 0x2,
  ATTRIB: 0x4,
  MOVED_FROM: 0x40,
  MOVED_TO: 0x80,
  CREATE: 0x100,
  DELETE: 0x200,
  DELETE_SELF: 0x400,
  MOVE_SELF: 0x800,
  UNMOUNT: 0x2000,
  Q_OVERFLOW: 0x4000,
  IGNORED: 0x8000,
  ONLYDIR: 0x1000000,
  DONT_FOLLOW: 0x2000000,
  ISDIR: 0x40000000,
} as const;

/** One and the same for everybody, because a directory has one mask however many listen. */
const MASK = IN.MODIFY | IN.ATTRIB | IN.MOVED_FROM | IN.MOVED_TO | IN.CREATE | IN.DELETE | IN.DELETE_SELF | IN.MOVE_SELF | IN.ONLYDIR;

export interface InotifyEvent {
  /** The watched directory; -1 when events were lost. */
  readonly watch: number;
  readonly mask: number;
  /** The same at both ends of a rename. */
  readonly cookie: number;
  /** Of the entry in the directory, a character for each byte (latin1); empty when the directory itself is meant. */
  readonly name: string;
}

export interface InotifyListener {
  event(event: InotifyEvent): void;
  /** All that had happened by now has been told. */
  drained(): void;
}

const BUFFER_BYTES = 64 * 1024;
/** Full buffers that are read before others get their turn. */
const READS_PER_TURN = 32;
const HEADER_BYTES = 16;

// Once it has been asked for, the signal may come at any time; without a listener it would end the process.
let signalExpected = false;

/**
 * The one inotify instance of the guest, open while anybody listens: the kernel allows few of them per user, over all containers. The
 * kernel tells that there is something to read by SIGIO, because Node has no way of waiting for such a file descriptor.
 */
export class Inotify {
  readonly #libc: Libc;
  readonly #buffer = Buffer.alloc(BUFFER_BYTES);
  readonly #listeners = new Map<number, Set<InotifyListener>>();
  #fd: number | undefined;

  constructor(libc: Libc) {
    this.#libc = libc;
  }

  /**
   * Listens to a directory; once more to the same one changes nothing.
   * @returns the number of the watch, as in its events.
   * @throws Error as inotify_add_watch(2): ENOSPC when the kernel allows no more.
   */
  add(path: RawPath, listener: InotifyListener, follow = false): number {
    this.#fd ??= this.#open();
    try {
      const watch = this.#libc.inotifyAddWatch(this.#fd, path, follow ? MASK : MASK | IN.DONT_FOLLOW);
      const listeners = this.#listeners.get(watch);
      if (listeners === undefined) this.#listeners.set(watch, new Set([listener]));
      else listeners.add(listener);
      return watch;
    } finally {
      this.#closeUnused();
    }
  }

  remove(watch: number, listener: InotifyListener): void {
    const listeners = this.#listeners.get(watch);
    if (listeners?.delete(listener) !== true || listeners.size > 0) return;
    this.#listeners.delete(watch);
    if (this.#fd !== undefined) this.#libc.inotifyRemoveWatch(this.#fd, watch);
    this.#closeUnused();
  }

  #open(): number {
    if (!signalExpected) process.on('SIGIO', () => {});
    signalExpected = true;
    const fd = this.#libc.inotifyInit();
    process.on('SIGIO', this.#drain);
    this.#libc.signalWhenReadable(fd);
    return fd;
  }

  #closeUnused(): void {
    if (this.#fd === undefined || this.#listeners.size > 0) return;
    process.off('SIGIO', this.#drain);
    closeSync(this.#fd);
    this.#fd = undefined;
  }

  /** Reads until there is nothing left, as the next signal comes only with the next event. */
  readonly #drain = (): void => {
    for (let reads = 0; this.#fd !== undefined; reads++) {
      if (reads === READS_PER_TURN) {
        setImmediate(this.#drain);
        return;
      }
      const length = this.#libc.readNow(this.#fd, this.#buffer);
      if (length === 0) break;
      for (const event of parseEvents(this.#buffer.subarray(0, length))) this.#dispatch(event);
    }
    for (const listener of this.#everybody()) listener.drained();
  };

  #dispatch(event: InotifyEvent): void {
    const listeners = event.mask & IN.Q_OVERFLOW ? this.#everybody() : [...(this.#listeners.get(event.watch) ?? [])];
    if (event.mask & IN.IGNORED) this.#listeners.delete(event.watch);
    for (const listener of listeners) listener.event(event);
    this.#closeUnused();
  }

  #everybody(): Set<InotifyListener> {
    return new Set([...this.#listeners.values()].flatMap((listeners) => [...listeners]));
  }
}

/** Records of `int wd; uint32_t mask, cookie, len; char name[len]`, in the byte order of the machine; names are padded by NULs. */
function* parseEvents(bytes: Buffer): Generator<InotifyEvent> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const little = endianness() === 'LE';
  for (let at = 0; at + HEADER_BYTES <= bytes.length; ) {
    const length = view.getUint32(at + 12, little);
    const name = bytes.toString('latin1', at + HEADER_BYTES, at + HEADER_BYTES + length);
    const end = name.indexOf('\0');
    yield {
      watch: view.getInt32(at, little),
      mask: view.getUint32(at + 4, little),
      cookie: view.getUint32(at + 8, little),
      name: end < 0 ? name : name.slice(0, end),
    };
    at += HEADER_BYTES + length;
  }
}
