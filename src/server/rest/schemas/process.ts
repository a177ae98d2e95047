import { type Static, Type } from 'typebox';
import { MAX_PID } from '../../guests/processes.ts';
import { closed, envInput } from './common.ts';
import { ENCODINGS } from './exec.ts';
import { named, oneOf } from './named.ts';
import { programInput, USER_INPUT, WORKDIR_INPUT } from './program.ts';

/** Signals that can be sent, by name; their numbers on Linux, where 16 is no signal. */
export const SIGNALS = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGILL: 4,
  SIGTRAP: 5,
  SIGABRT: 6,
  SIGBUS: 7,
  SIGFPE: 8,
  SIGKILL: 9,
  SIGUSR1: 10,
  SIGSEGV: 11,
  SIGUSR2: 12,
  SIGPIPE: 13,
  SIGALRM: 14,
  SIGTERM: 15,
  SIGCHLD: 17,
  SIGCONT: 18,
  SIGSTOP: 19,
  SIGTSTP: 20,
  SIGTTIN: 21,
  SIGTTOU: 22,
  SIGURG: 23,
  SIGXCPU: 24,
  SIGXFSZ: 25,
  SIGVTALRM: 26,
  SIGPROF: 27,
  SIGWINCH: 28,
  SIGIO: 29,
  SIGPWR: 30,
  SIGSYS: 31,
} as const;

/** Three weeks: the longest that timers take everywhere. */
const MAX_PROCESS_SECS = 1_814_400;

const size = () => Type.Integer({ minimum: 1, maximum: 65_535 });
const sizeFields = { cols: size(), rows: size() };
const tag = Type.String({ minLength: 1, maxLength: 256, pattern: '^[^\\u0000]*$', description: 'A name to find it by.' });

export const ProcessParams = Type.Object({
  namespace: Type.String(),
  sandbox_id: Type.String(),
  pid: Type.String({ description: `Process id, 1 to ${MAX_PID}.` }),
});

export const StartProcessBody = named(
  'StartProcessRequest',
  Type.Object(
    {
      ...programInput,
      env: Type.Optional(envInput('On top of those of the sandbox.')),
      cwd: WORKDIR_INPUT,
      user: USER_INPUT,
      tag: Type.Optional(tag),
      stdin: Type.Optional(
        Type.Boolean({ default: false, description: 'Whether it gets input, with POST …/stdin; without, it reads nothing.' }),
      ),
      pty: Type.Optional(Type.Object(sizeFields, { ...closed, description: 'It gets a terminal of this size.' })),
      timeout_secs: Type.Optional(
        Type.Number({
          exclusiveMinimum: 0,
          maximum: MAX_PROCESS_SECS,
          description: 'Killed when it runs longer; without it, it has no end.',
        }),
      ),
    },
    closed,
  ),
);
export type StartProcessBody = Static<typeof StartProcessBody>;

export const Process = named(
  'Process',
  Type.Object({
    pid: Type.Integer(),
    cmd: Type.String(),
    args: Type.Array(Type.String()),
    cwd: Type.Optional(Type.String()),
    tag: Type.Optional(Type.String()),
  }),
);
export type Process = Static<typeof Process>;

export const ProcessList = named('ProcessList', Type.Object({ processes: Type.Array(Process) }));

const encoding = Type.Optional(oneOf(ENCODINGS, { description: 'Of `data`; utf8 without it, and then what is no UTF-8 becomes U+FFFD.' }));

export const StartQuery = Type.Object({ encoding }, closed);

export const OutputQuery = Type.Object(
  {
    from: Type.Optional(
      Type.Integer({
        minimum: 0,
        description: 'First byte, counted over all that it printed, as far as it is kept; without it, what nobody has been sent yet.',
      }),
    ),
    encoding,
  },
  closed,
);

export const StdinQuery = Type.Object(
  { close: Type.Optional(Type.Boolean({ default: false, description: 'Ends the input after these bytes.' })) },
  closed,
);

export const SignalBody = named('SignalRequest', Type.Object({ signal: oneOf(Object.keys(SIGNALS) as (keyof typeof SIGNALS)[]) }, closed));

export const ResizeBody = named('ResizeRequest', Type.Object(sizeFields, closed));

export const processSchemas = [StartProcessBody, Process, ProcessList, SignalBody, ResizeBody];
