import Type from 'typebox';
import { NAMESPACE_PATTERN } from '../model/ids.ts';
import { LABEL_KEY_PATTERN } from '../model/labels.ts';
import { DEFAULT_RETRY_POLICY } from '../model/operation.ts';

/**
 * Every configuration key: its type, default and meaning, as it stands in the YAML file. The environment's names, the
 * table in `docs/configuration.md`, the `Config` type and the checks all follow from this one object.
 *
 * A key with neither a default nor `Type.Optional` would be mandatory; there is none, so that no file is needed to start.
 * `secret: true` keeps a value out of `sandglass config`; `path: true` resolves it against the folder of the file.
 */

/** Image of sandboxes that name none. `base-image.ts` makes it where it can't be pulled. */
export const BASE_IMAGE = 'sandglass/base:1';

const LISTEN_PATTERN = '^(\\[[0-9a-fA-F:.]+\\]|[A-Za-z0-9.-]+):[0-9]{1,5}$';
const URL_PATTERN = '^https?://[^\\s/]+';
const DOMAIN_PATTERN = '^([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\\.)*[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$';
const NETWORK_PATTERN = '^(?!(bridge|default|host|none)$)[A-Za-z0-9][A-Za-z0-9_.-]{1,62}$';
const DAY_SECS = 86_400;
const TEN_YEARS_SECS = 315_360_000;

const section = <T extends Type.TProperties>(properties: T) => Type.Object(properties, { additionalProperties: false });
const secs = (byDefault: number, minimum: number, description: string, maximum = TEN_YEARS_SECS) =>
  Type.Integer({ default: byDefault, minimum, maximum, description });
const count = (byDefault: number, minimum: number, maximum: number, description: string) =>
  Type.Integer({ default: byDefault, minimum, maximum, description });
const listen = (byDefault: string, description: string) =>
  Type.String({ default: byDefault, pattern: LISTEN_PATTERN, expected: 'an address and a port, such as 127.0.0.1:8900', description });
const url = (description: string, options: { default?: string } = {}) =>
  Type.String({ ...options, pattern: URL_PATTERN, expected: 'a URL that begins with http:// or https://', description });
const file = (description: string) => Type.String({ minLength: 1, path: true, description });
const keyHash = (description: string) =>
  Type.String({
    secret: true,
    pattern: '^sha256:[0-9a-f]{64}$',
    expected: 'sha256: and 64 hexadecimal digits; `sandglass key generate` prints a key and its hash',
    description,
  });

const ApiKey = section({
  name: Type.String({ minLength: 1, maxLength: 64, description: 'Who uses it; for the log' }),
  hash: keyHash('SHA-256 of the key'),
  namespace: Type.Optional(Type.String({ pattern: NAMESPACE_PATTERN, expected: 'a namespace', description: 'The one namespace it opens' })),
  admin: Type.Optional(Type.Boolean({ description: 'Opens every namespace and the executors' })),
});

const RegistryCredentials = section({
  host: Type.String({ minLength: 1, description: 'Host and port of the registry, such as ghcr.io' }),
  username: Type.String({ description: 'User name' }),
  password: Type.String({ secret: true, description: 'Password or token' }),
});

const Server = section({
  listen: listen('127.0.0.1:8900', 'Address of the REST API. An address that other machines reach needs `api_keys`'),
  executor_listen: listen(
    '127.0.0.1:8901',
    'Address that executors connect to. An address that other machines reach needs `join_token_hash`',
  ),
  public_url: Type.Optional(url('URL under which users reach the API, when it is not the address it listens on')),
  sandbox_domain: Type.Optional(
    Type.String({
      maxLength: 200,
      pattern: DOMAIN_PATTERN,
      expected: 'a domain name, such as sandbox.example.com',
      description:
        'Domain whose names `PORT-SANDBOXID.` lead to ports of sandboxes, when DNS has `*.` of it point here. None: no such names',
    }),
  ),
  tls: section({
    cert_file: Type.Optional(file('PEM certificate chain for both addresses. Needs `key_file`')),
    key_file: Type.Optional(file('PEM private key. Needs `cert_file`')),
  }),
  api_keys: Type.Array(ApiKey, {
    default: [],
    maxItems: 1000,
    description:
      'Keys that open the API, each `{name, hash, namespace}` or `{name, hash, admin: true}`. None: the API is open to this machine',
  }),
  join_token_hash: Type.Optional(keyHash('SHA-256 of the token that executors present. None: any process of this machine can join')),
  default_image: Type.String({ default: BASE_IMAGE, minLength: 1, maxLength: 512, description: 'Image of sandboxes that name none' }),
  default_resources: section({
    cpus: Type.Number({ default: 1, minimum: 0.01, maximum: 1024, description: 'CPU cores of sandboxes that name none' }),
    memory_mb: count(512, 4, 16_777_216, 'Memory of sandboxes that name none, in MiB'),
  }),
  default_sandbox_timeout_secs: secs(0, 0, 'Life span of sandboxes that name none; 0 for no end'),
  snapshots: section({
    default_ttl_secs: secs(14 * DAY_SECS, 0, 'Life span of snapshots that name none, from their creation; 0 for no end'),
    max_per_namespace: count(100, 1, 10_000_000, 'Snapshots that one namespace can have'),
    cleanup_interval_secs: secs(3600, 1, 'Time between two searches for expired snapshots; the first is at start'),
    failed_retention_secs: secs(DAY_SECS, 0, 'How long a failed snapshot stays, so that its error is seen'),
  }),
  terminated_sandbox_retention_secs: secs(DAY_SECS, 0, 'How long a terminated sandbox stays in the list'),
  executor_grace_secs: secs(120, 1, 'How long an executor can be away before what runs on it counts as lost'),
  sandbox_start_deadline_secs: secs(600, 1, 'How long a sandbox can wait for an executor'),
  operation_timeout_secs: section({
    start: secs(600, 1, 'Longest attempt to start a sandbox, image pull included', DAY_SECS),
    stop: secs(60, 1, 'Longest attempt to stop a sandbox', DAY_SECS),
    pause: secs(30, 1, 'Longest attempt to pause or resume a sandbox', DAY_SECS),
    capture: secs(600, 1, 'Longest attempt to capture a snapshot', DAY_SECS),
    remove: secs(120, 1, 'Longest attempt to remove a snapshot', DAY_SECS),
  }),
  retry: section({
    max_attempts: count(DEFAULT_RETRY_POLICY.maxAttempts, 1, 100, 'Attempts at an operation before its object fails'),
    base_ms: count(DEFAULT_RETRY_POLICY.backoff.baseMs, 1, 3_600_000, 'Wait before the second attempt; it doubles with each one'),
    max_ms: count(DEFAULT_RETRY_POLICY.backoff.maxMs, 1, 3_600_000, 'Longest wait between two attempts'),
  }),
});

const Executor = section({
  server_url: url('Address of the server that it joins', { default: 'http://127.0.0.1:8901' }),
  join_token: Type.Optional(Type.String({ minLength: 1, secret: true, description: 'Token that it presents to the server' })),
  engine: Type.Optional(
    Type.String({
      pattern: '^(unix|tcp|http|https)://.+',
      expected: 'an address such as unix:///var/run/docker.sock',
      description: 'Container engine. None: `DOCKER_HOST`, then the usual sockets',
    }),
  ),
  engine_labels: Type.Record(Type.String({ pattern: LABEL_KEY_PATTERN }), Type.String({ maxLength: 255 }), {
    default: {},
    additionalProperties: false,
    description: 'Labels on the containers, images and networks that it makes in the engine, beside its own',
  }),
  network_name: Type.String({
    default: 'sandglass',
    pattern: NETWORK_PATTERN,
    expected: "2-63 letters, digits and '.', '_', '-', and none of the engine's own networks (bridge, default, host, none)",
    description: 'Network of the sandboxes, made when it is first needed',
  }),
  labels: Type.Record(Type.String({ pattern: LABEL_KEY_PATTERN }), Type.String({ maxLength: 255 }), {
    default: {},
    additionalProperties: false,
    description: 'Labels of this executor',
  }),
  capacity: section({
    cpus: Type.Optional(Type.Number({ minimum: 0.01, maximum: 1_000_000, description: "CPU cores to promise. None: 8 times the host's" })),
    memory_mb: Type.Optional(
      Type.Integer({ minimum: 4, maximum: 2_000_000_000, description: "Memory to promise, in MiB. None: 2 times the host's" }),
    ),
    max_sandboxes: count(200, 1, 100_000, 'Most sandboxes at a time'),
  }),
  concurrent_captures: count(4, 1, 256, 'Snapshots captured at a time'),
  concurrent_starts: count(4, 1, 256, 'Sandboxes started at a time'),
  registries: Type.Array(RegistryCredentials, {
    default: [],
    maxItems: 100,
    description: 'Credentials for pulling images, each `{host, username, password}`',
  }),
  pids_limit: count(1024, 16, 4_194_304, 'Most processes and threads in one sandbox'),
});

export const ConfigSchema = section({
  data_dir: Type.Optional(
    Type.String({
      minLength: 1,
      path: true,
      description: 'Folder for everything that is kept. None: `/var/lib/sandglass` for root, else `$XDG_DATA_HOME/sandglass`',
    }),
  ),
  log: section({
    level: Type.Enum(['debug', 'info', 'warn', 'error'], { default: 'info', description: 'Least important lines that are written' }),
    format: Type.Enum(['auto', 'json', 'pretty'], { default: 'auto', description: '`auto`: `pretty` on a terminal, `json` elsewhere' }),
  }),
  server: Server,
  executor: Executor,
});
