import { type Static, Type } from 'typebox';
import { closed, Time } from './common.ts';
import { named, oneOf } from './named.ts';

export const DEFAULT_LOG_TAIL = 1000;
const ENCODINGS = ['utf8', 'base64'] as const;

export const LogsQuery = Type.Object(
  {
    follow: Type.Optional(Type.Boolean({ description: 'Goes on with what is printed from then on, as an event stream.' })),
    tail: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 10_000,
        default: DEFAULT_LOG_TAIL,
        description: 'Only the last so many lines of what there is.',
      }),
    ),
    since: Type.Optional(Type.Integer({ minimum: 0, description: 'Only what was printed at or after this time; epoch milliseconds.' })),
    encoding: Type.Optional(
      oneOf(ENCODINGS, { description: 'Of the messages; utf8 without it, and then what is no UTF-8 becomes U+FFFD.' }),
    ),
  },
  closed,
);
export type LogsQuery = Static<typeof LogsQuery>;

const LogEntry = Type.Object({
  at: Time,
  stream: oneOf(['stdout', 'stderr']),
  message: Type.String({ description: 'One line, without its line feed; a very long one comes in parts.' }),
});
export type LogEntry = Static<typeof LogEntry>;

export const Logs = named(
  'Logs',
  Type.Object({
    logs: Type.Array(LogEntry, { description: 'Oldest first.' }),
    truncated: Type.Boolean({ description: 'True when there was more than one answer takes: the oldest of it were left out.' }),
  }),
);

const bytes = (description: string) => Type.Integer({ description });
export const SandboxMetrics = named(
  'SandboxMetrics',
  Type.Object({
    at: Time,
    cpus: Type.Number({ description: 'CPU cores that it may use.' }),
    cpu_time_ms: Type.Integer({ description: 'CPU time used since it was started.' }),
    cpu_used: Type.Number({ description: 'CPU cores that it uses: 1.5 is one and a half.' }),
    memory_used_bytes: bytes('Memory that it uses, with what the kernel could take back.'),
    memory_limit_bytes: bytes('Memory that it may use.'),
    memory_cache_bytes: bytes('The part of the used memory that the kernel can take back.'),
    disk_used_bytes: Type.Optional(bytes('What it has written to its own layer; absent where the engine does not tell.')),
    processes: Type.Integer({ description: 'Processes and threads.' }),
    network_received_bytes: bytes('Received since it was started.'),
    network_sent_bytes: bytes('Sent since it was started.'),
  }),
);
export type SandboxMetrics = Static<typeof SandboxMetrics>;

export const telemetrySchemas = [Logs, SandboxMetrics];
