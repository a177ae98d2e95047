import { getSystemErrorName } from 'node:util';
import type * as Koffi from 'koffi';
import { loadNative } from '../native.ts';
import type { ExitStatus } from './signals.ts';

/** What `posixSpawn` starts. Texts hold no NUL. */
export interface SpawnRequest {
  /** Path of the program. */
  readonly file: string;
  /** The name that it is called by, and its arguments. */
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** Descriptor that becomes its standard input; without it, it reads nothing. */
  readonly stdin: number | undefined;
  readonly stdout: number;
  readonly stderr: number;
}

/** Of the flags in `spawn.h`: signals as they are by default, none of them blocked, and a session of its own. */
const SETSIGDEF = 0x04;
const SETSIGMASK = 0x08;
const SETSID = 0x80;
/** Larger than the structures of glibc on 64 bits: 336, 80 and 128 bytes. */
const ATTRIBUTES_BYTES = 512;
const ACTIONS_BYTES = 256;
const SIGNAL_SET_BYTES = 128;
const WNOHANG = 1;
const SHELL = '/bin/sh';

/** Called at the exit of each process that was started here and whose exit is not known yet. */
const unended = new Map<number, (status: ExitStatus) => void>();
let loaded: ReturnType<typeof load> | undefined;

/**
 * Starts a process in a session of its own, with the credentials of this thread. Node's own `spawn` copies the guest's page tables
 * for each process, which takes a millisecond; this shares them until the program begins, and takes a seventh of it.
 * Descriptors other than the three have to be closed on exec. A file that is no program, but text, is given to the shell.
 * Source: posix_spawn(3).
 * @param onExit called once, later, when it has ended.
 * @returns its pid.
 * @throws Error with a `code`, such as ENOENT, when it can't be started.
 */
export function posixSpawn(request: SpawnRequest, onExit: (status: ExitStatus) => void): number {
  loaded ??= load();
  const { file, argv } = request;
  let started = loaded.spawn(request);
  if (started.error === 'ENOEXEC') started = loaded.spawn({ ...request, file: SHELL, argv: [SHELL, file, ...argv.slice(1)] });
  if (started.error !== undefined) throw Object.assign(new Error(`posix_spawn ${file}: ${started.error}`), { code: started.error });
  unended.set(started.pid, onExit);
  return started.pid;
}

function load() {
  const koffi = loadNative('koffi') as typeof Koffi;
  const library = koffi.load(null);
  const spawnFile = library.func(
    'int posix_spawn(_Out_ int *pid, const char *path, void *actions, void *attributes, const char **argv, const char **env)',
  );
  const initAttributes = library.func('int posix_spawnattr_init(void *attributes)');
  const setFlags = library.func('int posix_spawnattr_setflags(void *attributes, short flags)');
  const setDefault = library.func('int posix_spawnattr_setsigdefault(void *attributes, void *set)');
  const setMask = library.func('int posix_spawnattr_setsigmask(void *attributes, void *set)');
  const fillSet = library.func('int sigfillset(void *set)');
  const initActions = library.func('int posix_spawn_file_actions_init(void *actions)');
  const destroyActions = library.func('int posix_spawn_file_actions_destroy(void *actions)');
  const addDup = library.func('int posix_spawn_file_actions_adddup2(void *actions, int from, int to)');
  const addOpen = library.func('int posix_spawn_file_actions_addopen(void *actions, int fd, const char *path, int flags, int mode)');
  const addChdir = library.func('int posix_spawn_file_actions_addchdir_np(void *actions, const char *path)');
  const waitpid = library.func('int waitpid(int pid, _Out_ int *status, int options)');

  const attributes = Buffer.alloc(ATTRIBUTES_BYTES);
  const all = Buffer.alloc(SIGNAL_SET_BYTES);
  fillSet(all);
  initAttributes(attributes);
  setFlags(attributes, SETSIGDEF | SETSIGMASK | SETSID);
  setDefault(attributes, all);
  setMask(attributes, Buffer.alloc(SIGNAL_SET_BYTES));

  process.on('SIGCHLD', () => {
    for (const [pid, onExit] of unended) {
      const status: [number] = [0];
      if (waitpid(pid, status, WNOHANG) !== pid) continue;
      unended.delete(pid);
      onExit(parseStatus(status[0]));
    }
  });

  return {
    spawn({ file, argv, env, cwd, stdin, stdout, stderr }: SpawnRequest): { readonly pid: number; readonly error?: string } {
      const actions = Buffer.alloc(ACTIONS_BYTES);
      initActions(actions);
      try {
        addChdir(actions, cwd);
        if (stdin === undefined) addOpen(actions, 0, '/dev/null', 0, 0);
        else addDup(actions, stdin, 0);
        addDup(actions, stdout, 1);
        addDup(actions, stderr, 2);
        const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`);
        const pid: [number] = [0];
        const errno = spawnFile(pid, file, actions, attributes, [...argv, null], [...variables, null]);
        return errno === 0 ? { pid: pid[0] } : { pid: 0, error: getSystemErrorName(-errno) };
      } finally {
        destroyActions(actions);
      }
    },
  };
}

/** Source: wait(2), as Linux encodes it. */
function parseStatus(status: number): ExitStatus {
  const signal = status & 0x7f;
  return signal === 0 ? { code: (status >> 8) & 0xff } : { signal };
}
