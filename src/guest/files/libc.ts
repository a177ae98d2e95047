/**
 * The few functions of the C library that Node has no name for. Their binding is loaded at the first call only: a guest
 * whose files nobody touches does without.
 *
 * Functions return what they do in C; a failure is thrown as Node does: an Error with `code`, `syscall` and `path`.
 */
import { getSystemErrorName } from 'node:util';
import type * as Koffi from 'koffi';
import { loadNative } from '../native.ts';

/** A path as the kernel takes it: file names are bytes, and need not be UTF-8. */
export type RawPath = string | Buffer;

export interface Libc {
  /** Names, each ended by a NUL. @returns their length in bytes; with an empty buffer, the length that is needed. */
  llistxattr(path: RawPath, list: Buffer | null): number;
  /** @returns length of the value in bytes; with an empty buffer, the length that is needed. */
  lgetxattr(path: RawPath, name: string, value: Buffer | null): number;
  lsetxattr(path: RawPath, name: string, value: Buffer): void;
  /** @returns a file descriptor, non-blocking and closed on exec. */
  inotifyInit(): number;
  /** @returns the watch descriptor; the one that there is when the same directory is watched already. */
  inotifyAddWatch(fd: number, path: RawPath, mask: number): number;
  /** Says nothing about a watch that is gone already. */
  inotifyRemoveWatch(fd: number, watch: number): void;
  /** @returns bytes read, or 0 when there is nothing to read now. */
  readNow(fd: number, buffer: Buffer): number;
  /** From now on the kernel sends this process SIGIO whenever `fd` becomes readable. */
  signalWhenReadable(fd: number): void;
}

let loaded: Libc | undefined;

export function libc(): Libc {
  loaded ??= load();
  return loaded;
}

const IN_NONBLOCK = 0o4000;
const IN_CLOEXEC = 0o2000000;
const EAGAIN = 11;
const F_SETFL = 4;
const F_SETOWN = 8;
const O_NONBLOCK = 0o4000;
const O_ASYNC = 0o20000;

function load(): Libc {
  const koffi = loadNative('koffi') as typeof Koffi;
  // The process itself, because Node is linked with a C library already: whichever it is, glibc or musl.
  const library = koffi.load(null);
  const llistxattr = library.func('intptr_t llistxattr(const char *path, void *list, size_t size)');
  const lgetxattr = library.func('intptr_t lgetxattr(const char *path, const char *name, void *value, size_t size)');
  const lsetxattr = library.func('int lsetxattr(const char *path, const char *name, const void *value, size_t size, int flags)');
  const inotifyInit1 = library.func('int inotify_init1(int flags)');
  const inotifyAddWatch = library.func('int inotify_add_watch(int fd, const char *path, uint32_t mask)');
  const inotifyRmWatch = library.func('int inotify_rm_watch(int fd, int wd)');
  const read = library.func('intptr_t read(int fd, void *buffer, size_t size)');
  const fcntl = library.func('int fcntl(int fd, int command, ...)');

  const check = (result: number, syscall: string, path?: RawPath): number => (result >= 0 ? result : fail(koffi.errno(), syscall, path));
  return {
    llistxattr: (path, list) => check(llistxattr(terminated(path), list, list?.length ?? 0), 'llistxattr', path),
    lgetxattr: (path, name, value) => check(lgetxattr(terminated(path), name, value, value?.length ?? 0), 'lgetxattr', path),
    lsetxattr: (path, name, value) => void check(lsetxattr(terminated(path), name, value, value.length, 0), 'lsetxattr', path),
    inotifyInit: () => check(inotifyInit1(IN_NONBLOCK | IN_CLOEXEC), 'inotify_init1'),
    inotifyAddWatch: (fd, path, mask) => check(inotifyAddWatch(fd, terminated(path), mask), 'inotify_add_watch', path),
    inotifyRemoveWatch: (fd, watch) => void inotifyRmWatch(fd, watch),
    readNow: (fd, buffer) => {
      const length: number = read(fd, buffer, buffer.length);
      return length < 0 && koffi.errno() === EAGAIN ? 0 : check(length, 'read');
    },
    signalWhenReadable: (fd) => {
      check(fcntl(fd, F_SETOWN, 'int', process.pid), 'fcntl');
      check(fcntl(fd, F_SETFL, 'int', O_NONBLOCK | O_ASYNC), 'fcntl');
    },
  };
}

function terminated(path: RawPath): RawPath {
  return typeof path === 'string' ? path : Buffer.concat([path, Buffer.of(0)]);
}

function fail(errno: number, syscall: string, path?: RawPath): never {
  const code = getSystemErrorName(-errno);
  const error: NodeJS.ErrnoException = new Error(`${code}: ${syscall}${path === undefined ? '' : ` '${path}'`}`);
  throw Object.assign(error, { code, errno: -errno, syscall, ...(path !== undefined && { path: String(path) }) });
}
