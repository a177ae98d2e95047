import { type Static, Type } from 'typebox';
import { closed, EnvAnswer, envInput, LabelsAnswer, LabelsInput, labelQuery, MAX_SECS, pageQuery, Time } from './common.ts';
import { named, oneOf, ref } from './named.ts';
import { ABSOLUTE_PATH_PATTERN, IMAGE_PATTERN, RUNTIME_PATTERN, TEXT_PATTERN, USER_PATTERN } from './patterns.ts';
import { Progress } from './progress.ts';

const SANDBOX_STATUSES = ['pending', 'starting', 'running', 'paused', 'stopping', 'terminated'] as const;
/** What can be waited for: the statuses that last. Those in between may pass unseen. */
export const SANDBOX_WAITS = ['running', 'paused', 'terminated'] as const;
const ON_TIMEOUT = ['terminate', 'pause', 'snapshot'] as const;

const resourcesInput = Type.Object(
  {
    cpus: Type.Optional(Type.Number({ minimum: 0.01, maximum: 1024, description: 'CPU cores; fractions are allowed.' })),
    memory_mb: Type.Optional(Type.Integer({ minimum: 4, maximum: 16_777_216, description: 'Mebibytes of memory.' })),
    disk_mb: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 16_777_216, description: 'Mebibytes of writable disk, where the engine can limit it.' }),
    ),
  },
  closed,
);

const cidrs = Type.Optional(
  Type.Array(Type.String({ maxLength: 255 }), { maxItems: 256, description: 'Not supported yet: leave it empty.' }),
);

const networkInput = Type.Object(
  {
    allow_internet_access: Type.Optional(Type.Boolean({ default: true, description: 'False: it reaches nothing but itself.' })),
    allow_out: cidrs,
    deny_out: cidrs,
  },
  closed,
);

const timeoutSecs = (description: string) => Type.Integer({ minimum: 0, maximum: MAX_SECS, description });

/** What can be chosen anew when a sandbox is restored or forked. */
export const overrideFields = {
  resources: Type.Optional(resourcesInput),
  env: Type.Optional(envInput('Environment variables. They are answered as they are: what is secret goes into `secrets`.')),
  secrets: Type.Optional(envInput('Environment variables that are never shown again, and never leave with a snapshot.')),
  labels: Type.Optional(LabelsInput),
  network: Type.Optional(networkInput),
  timeout_secs: Type.Optional(timeoutSecs('Seconds that it runs, from its start and anew from each resume; 0 for no end.')),
  on_timeout: Type.Optional(
    oneOf(ON_TIMEOUT, {
      description:
        'What happens then. `terminate`, without it: the sandbox ends. `pause`: it is paused. `snapshot`: a snapshot with the label ' +
        '`sandglass.dev/reason=timeout` is taken, and the sandbox ends once that is active; when there can be none, it is paused, and ' +
        '`error` says why.',
    }),
  ),
};

export const CreateSandboxBody = named(
  'CreateSandboxRequest',
  Type.Object(
    {
      image: Type.Optional(
        Type.String({ pattern: IMAGE_PATTERN, maxLength: 512, description: 'Image to start from; the configured default without it.' }),
      ),
      snapshot_id: Type.Optional(Type.String({ maxLength: 128, description: 'Snapshot to start from, instead of an image.' })),
      entrypoint: Type.Optional(
        Type.Array(Type.String({ pattern: TEXT_PATTERN, maxLength: 32_768 }), {
          minItems: 1,
          maxItems: 256,
          description: 'Program and arguments to run; without it the sandbox waits for commands.',
        }),
      ),
      workdir: Type.Optional(Type.String({ pattern: ABSOLUTE_PATH_PATTERN, maxLength: 4096 })),
      user: Type.Optional(Type.String({ pattern: USER_PATTERN })),
      exposed_ports: Type.Optional(Type.Array(Type.Integer({ minimum: 1, maximum: 65_535 }), { maxItems: 64, uniqueItems: true })),
      runtime: Type.Optional(Type.String({ pattern: RUNTIME_PATTERN, description: 'Container runtime, such as runsc.' })),
      ...overrideFields,
    },
    closed,
  ),
);
export type CreateSandboxBody = Static<typeof CreateSandboxBody>;

export const count = Type.Optional(Type.Integer({ minimum: 1, maximum: 100, description: 'How many sandboxes; 1 without it.' }));

export const ForkSandboxBody = named('ForkSandboxRequest', Type.Object({ count, ...overrideFields }, closed));
export type ForkSandboxBody = Static<typeof ForkSandboxBody>;

export const ResumeSandboxBody = named(
  'ResumeSandboxRequest',
  Type.Object(
    {
      timeout_secs: Type.Optional(
        timeoutSecs('Seconds that it runs from then on, or from now when it runs already; 0 for no end; as configured without it.'),
      ),
    },
    closed,
  ),
);

export const SetTimeoutBody = named(
  'SetTimeoutRequest',
  Type.Object({ timeout_secs: timeoutSecs('Seconds that it runs from now, or from when it next runs; 0 for no end.') }, closed),
);

/** The configuration of a sandbox, on the sandbox itself and on its snapshots. */
const specFields = {
  image: Type.String(),
  resources: Type.Object({
    cpus: Type.Number(),
    memory_mb: Type.Integer(),
    disk_mb: Type.Optional(Type.Integer()),
  }),
  env: EnvAnswer,
  secret_names: Type.Array(Type.String(), { description: 'Names of its secrets; their values are never answered.' }),
  entrypoint: Type.Optional(Type.Array(Type.String())),
  workdir: Type.Optional(Type.String()),
  user: Type.Optional(Type.String()),
  timeout_secs: Type.Integer(),
  on_timeout: oneOf(ON_TIMEOUT),
  network: Type.Object({ allow_internet_access: Type.Boolean() }),
  exposed_ports: Type.Array(Type.Integer()),
  runtime: Type.Optional(Type.String()),
};

export const SandboxConfig = named('SandboxConfig', Type.Object(specFields));
export type SandboxConfig = Static<typeof SandboxConfig>;

const idAndStatus = {
  sandbox_id: Type.String(),
  status: oneOf(SANDBOX_STATUSES),
};

const stateFields = {
  namespace: Type.String(),
  pending_reason: Type.Optional(Type.String({ description: 'While pending: what it waits for.' })),
  outcome: Type.Optional(oneOf(['stopped', 'timeout', 'exited', 'oom_killed', 'start_failed', 'vanished', 'executor_lost'])),
  message: Type.Optional(Type.String({ description: 'The outcome in words.' })),
  error: Type.Optional(Type.Object({ code: Type.String(), reason: Type.String(), message: Type.String() })),
  exit_code: Type.Optional(Type.Integer()),
  snapshot_id: Type.Optional(Type.String({ description: 'The snapshot that it started from.' })),
  labels: LabelsAnswer,
  executor_id: Type.Optional(Type.String()),
  created_at: Time,
  started_at: Type.Optional(Time),
  terminated_at: Type.Optional(Time),
  expires_at: Type.Optional(
    Type.Integer({
      description: 'Epoch milliseconds. Only while it runs: it has no end while it is paused, and a new one once it is resumed.',
    }),
  ),
  timeout_snapshot_id: Type.Optional(
    Type.String({ description: 'The snapshot that is, or was, taken of it because its timeout has passed.' }),
  ),
  progress: Type.Optional(ref(Progress)),
};

export const Sandbox = named('Sandbox', Type.Object({ ...idAndStatus, ...stateFields, ...specFields }));
export type Sandbox = Static<typeof Sandbox>;

const restoreFields = {
  restored_from_snapshot: Type.Boolean({ description: 'False: a fresh sandbox with the recorded configuration.' }),
  ttl_expired: Type.Boolean(),
};

/** What a command on one sandbox answers with 202: id and status, or, after a wait that ran out of time, all of it. */
export const SandboxAccepted = named(
  'SandboxAccepted',
  Type.Object({ ...idAndStatus, ...Type.Partial(Type.Object({ ...stateFields, ...specFields })).properties }),
);
export const RestoreAccepted = named(
  'RestoreAccepted',
  Type.Object({
    ...Type.Partial(Type.Object({ ...idAndStatus, ...stateFields, ...specFields })).properties,
    sandboxes: Type.Optional(Type.Array(Type.Object(idAndStatus), { description: 'With `count`: one for each.' })),
    ...restoreFields,
  }),
);
export const ForkAccepted = named(
  'ForkAccepted',
  Type.Object({ snapshot_id: Type.String({ description: 'What the forks start from.' }), sandboxes: Type.Array(Type.Object(idAndStatus)) }),
);

export const SandboxList = named(
  'SandboxList',
  Type.Object({ sandboxes: Type.Array(ref(Sandbox)), next_cursor: Type.Optional(Type.String()) }),
);

export const ListSandboxesQuery = Type.Object({ status: Type.Optional(oneOf(SANDBOX_STATUSES)), ...labelQuery, ...pageQuery }, closed);

export const sandboxSchemas = [
  CreateSandboxBody,
  ForkSandboxBody,
  ResumeSandboxBody,
  SetTimeoutBody,
  SandboxConfig,
  Sandbox,
  SandboxAccepted,
  RestoreAccepted,
  ForkAccepted,
  SandboxList,
];
