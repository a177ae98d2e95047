import { getSystemErrorName } from 'node:util';
import type * as Koffi from 'koffi';
import { loadNative } from '../native.ts';

/** What Node has no function for. Every call acts on the calling thread, which is the main thread, and returns at once. */
export interface Libc {
  /** A pipe whose ends close on exec. @returns the descriptors of its ends. @throws Error with a `code`, such as EMFILE. */
  pipe(): { readonly readEnd: number; readonly writeEnd: number };
  /** Gives memory that is free back to the system. */
  trimHeap(): void;
  /** Has a descriptor closed in what is started from now on. */
  closeOnExec(descriptor: number): void;
  /** Sets real, effective and saved uid of this thread alone. */
  setresuid(real: number, effective: number, saved: number): void;
  /** Sets real, effective and saved gid of this thread alone. */
  setresgid(real: number, effective: number, saved: number): void;
  /** Sets the supplementary groups of this thread alone. */
  setgroups(groups: readonly number[]): void;
}

const F_SETFD = 2;
const FD_CLOEXEC = 1;
const O_CLOEXEC = 0o2000000;

/** Numbers of system calls: the functions of the C library with these names act on all threads of a process. */
const SYSCALLS: Readonly<Record<string, { setgroups: number; setresuid: number; setresgid: number }>> = {
  x64: { setgroups: 116, setresuid: 117, setresgid: 119 },
  arm64: { setgroups: 159, setresuid: 147, setresgid: 149 },
};

let loaded: Libc | undefined;

/** The C library, loaded when it is first asked for. */
export function libc(): Libc {
  loaded ??= load();
  return loaded;
}

function load(): Libc {
  const koffi = loadNative('koffi') as typeof Koffi;
  const numbers = SYSCALLS[process.arch];
  if (numbers === undefined) throw new Error(`the guest knows no system call numbers for ${process.arch}`);
  const library = koffi.load(null);
  const pipe2 = library.func('int pipe2(_Out_ int *fds, int flags)');
  const mallocTrim = library.func('int malloc_trim(size_t keep)');
  const fcntl = library.func('int fcntl(int fd, int command, int flags)');
  const syscall = library.func('long syscall(long number, long a, long b, long c)');
  const syscallList = library.func('syscall', 'long', ['long', 'long', 'uint32_t *']);
  const check = (result: number, call: string) => {
    if (Number(result) === -1) throw systemError(koffi.errno(), call);
  };
  return {
    pipe() {
      const ends: [number, number] = [-1, -1];
      check(pipe2(ends, O_CLOEXEC), 'pipe2');
      return { readEnd: ends[0], writeEnd: ends[1] };
    },
    trimHeap: () => void mallocTrim(0),
    closeOnExec: (descriptor) => check(fcntl(descriptor, F_SETFD, FD_CLOEXEC), 'fcntl'),
    setresuid: (real, effective, saved) => check(syscall(numbers.setresuid, real, effective, saved), 'setresuid'),
    setresgid: (real, effective, saved) => check(syscall(numbers.setresgid, real, effective, saved), 'setresgid'),
    setgroups: (groups) => check(syscallList(numbers.setgroups, groups.length, [...groups]), 'setgroups'),
  };
}

function systemError(errno: number, syscall: string): Error {
  const code = getSystemErrorName(-errno);
  return Object.assign(new Error(`${syscall}: ${code}`), { code, errno: -errno, syscall });
}
