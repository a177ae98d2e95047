// biome-ignore-all lint/suspicious/noTemplateCurlyInString: it is the syntax of the configuration that is tested here
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { generateApiKey, hashApiKey } from './api-keys.ts';
import { loadConfig } from './config.ts';
import { toControlSettings } from './control-settings.ts';
import { describeConfig } from './describe-config.ts';
import type { Environment } from './expand-environment.ts';

const HASH = hashApiKey('a key');

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sandglass-config-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** Loads `yaml` as the named file; nothing of the machine that runs the test comes in. */
function load(yaml?: string, env: Environment = {}) {
  if (yaml === undefined) return loadConfig({ env, cwd: folder, home: '/home/ann', isRoot: false });
  const file = join(folder, 'given.yaml');
  writeFileSync(file, yaml);
  return loadConfig({ file, env, cwd: '/', home: '/home/ann', isRoot: false });
}

function problem(yaml: string | undefined, env: Environment = {}): string {
  try {
    load(yaml, env);
  } catch (error) {
    expect(error).toMatchObject({ name: 'SandglassError', reason: 'invalid_config' });
    return (error as Error).message.replaceAll(`${folder}/`, '');
  }
  throw new Error('the configuration was accepted');
}

describe('server.sandbox_domain', () => {
  it('is a domain name', () => {
    expect(load('server: {sandbox_domain: Sandbox.example.com}').server.sandboxDomain).toBe('Sandbox.example.com');
    expect(load('server: {sandbox_domain: localhost}').server.sandboxDomain).toBe('localhost');
    for (const wrong of [
      '*.example.com',
      '.example.com',
      'example.com.',
      'a_b.example',
      'https://a.example',
      'a.example:80',
      '-a.example',
    ]) {
      expect(problem(`server: {sandbox_domain: "${wrong}"}`)).toMatch(/a domain name, such as sandbox.example.com/);
    }
  });
});

describe('sources', () => {
  it('starts without a file: everything has a default, on loopback', () => {
    const config = load();
    expect(config).toMatchObject({
      dataDir: '/home/ann/.local/share/sandglass',
      log: { level: 'info', format: 'auto' },
      server: { listen: '127.0.0.1:8900', executorListen: '127.0.0.1:8901', apiKeys: [], snapshots: { defaultTtlSecs: 1_209_600 } },
      executor: { serverUrl: 'http://127.0.0.1:8901', capacity: { maxSandboxes: 200 }, labels: {} },
    });
    expect(config.origin).toMatchObject({ warnings: [] });
  });

  it('keeps data in /var/lib for root, and below XDG_DATA_HOME where that is set', () => {
    expect(loadConfig({ env: {}, cwd: folder, isRoot: true }).dataDir).toBe('/var/lib/sandglass');
    expect(load(undefined, { XDG_DATA_HOME: '/data' }).dataDir).toBe('/data/sandglass');
  });

  it('takes the environment before the file, and the file before the default', () => {
    const yaml = 'server:\n  listen: 127.0.0.1:1\n  executor_listen: 127.0.0.1:2\n';
    const config = load(yaml, { SANDGLASS_SERVER_LISTEN: '[::1]:3' });
    expect(config.server.listen).toBe('[::1]:3');
    expect(config.server.executorListen).toBe('127.0.0.1:2');
    expect(config.origin.sources.get('server.listen')).toBe('SANDGLASS_SERVER_LISTEN');
    expect(config.origin.sources.get('server.executor_listen')).toBe(`${folder}/given.yaml:3`);
    expect(config.origin.sources.get('server.default_image')).toBe('default');
  });

  it('finds sandglass.yaml in the current folder, and the file that SANDGLASS_CONFIG names', () => {
    writeFileSync(join(folder, 'sandglass.yaml'), 'log: {level: warn}');
    writeFileSync(join(folder, 'other.yaml'), 'log: {level: error}');
    expect(load().log.level).toBe('warn');
    expect(load(undefined, { SANDGLASS_CONFIG: 'other.yaml' }).log.level).toBe('error');
  });

  it('refuses a named file that is not there', () => {
    expect(problem(undefined, { SANDGLASS_CONFIG: 'missing.yaml' })).toMatch(/can't read the configuration file missing.yaml: ENOENT/);
  });

  it('reads numbers, lists and mappings from the environment as YAML', () => {
    const config = load(undefined, {
      SANDGLASS_SERVER_DEFAULT_RESOURCES_CPUS: '0.5',
      SANDGLASS_SERVER_API_KEYS: `[{name: ci, hash: "${HASH}", namespace: team-a}]`,
      SANDGLASS_EXECUTOR_LABELS: '{zone: eu}',
      SANDGLASS_EXECUTOR_PIDS_LIMIT: '',
    });
    expect(config.server.defaultResources.cpus).toBe(0.5);
    expect(config.server.apiKeys).toEqual([{ name: 'ci', hash: HASH, namespace: 'team-a' }]);
    expect(config.executor.labels).toEqual({ zone: 'eu' });
    expect(config.executor.pidsLimit).toBe(1024);
  });

  it('puts variables into strings of the file, and leaves escaped references alone', () => {
    const yaml = 'executor:\n  join_token: "${TOKEN}"\n  labels: {price: "$${TOKEN}", zone: "eu-${ZONE}"}\n';
    const { executor } = load(yaml, { TOKEN: 'sesame ${ZONE}', ZONE: '1' });
    expect(executor.joinToken).toBe('sesame ${ZONE}');
    expect(executor.labels).toEqual({ price: '${TOKEN}', zone: 'eu-1' });
  });

  it('resolves paths against the folder of the file that names them', () => {
    const config = load('data_dir: data\nserver: {tls: {cert_file: tls/cert.pem, key_file: /etc/key.pem}}');
    expect(config.dataDir).toBe(join(folder, 'data'));
    expect(config.server.tls).toEqual({ certFile: join(folder, 'tls/cert.pem'), keyFile: '/etc/key.pem' });
  });

  it('accepts an empty file, and sections whose keys are all commented out', () => {
    expect(load('').server.listen).toBe('127.0.0.1:8900');
    expect(load('server:\n  # listen: 0.0.0.0:1\nlog:\n').log.level).toBe('info');
  });
});

describe('mistakes', () => {
  it.each([
    ['server:\n  listn: 127.0.0.1:1', 'given.yaml:2: unknown key server.listn; did you mean server.listen?'],
    [
      'server:\n  snapshots:\n    default_ttl: 5',
      'given.yaml:3: unknown key server.snapshots.default_ttl; did you mean server.snapshots.default_ttl_secs?',
    ],
    ['colour: red', 'given.yaml:1: unknown key colour; known here: data_dir, log, server, executor'],
    ['constructor: 1', 'given.yaml:1: unknown key constructor; known here: data_dir, log, server, executor'],
    ['server: 5', 'given.yaml:1: server must be a mapping of keys to values'],
    ['- a\n- b', 'given.yaml: the file must be a mapping of keys to values'],
    ['server:\n  listen: 8900', 'given.yaml:2: server.listen must be an address and a port, such as 127.0.0.1:8900 (got 8900)'],
    ['server:\n  listen: localhost:99999', 'given.yaml:2: server.listen must have a port from 0 to 65535 (got localhost:99999)'],
    [
      'server: {snapshots: {max_per_namespace: "5"}}',
      'given.yaml:1: server.snapshots.max_per_namespace must be a whole number from 1 to 10000000 (got "5")',
    ],
    ['log:\n  level: loud', 'given.yaml:2: log.level must be one of debug, info, warn, error (got "loud")'],
    ['executor: {labels: {zone: 5}}', 'given.yaml:1: executor.labels.zone must be a string that is not empty (got 5)'],
    ['executor:\n  registries:\n    - host: ghcr.io\n      username: ann', 'given.yaml:3: executor.registries.0 has no password'],
    ['server: {tls: {cert_file: a}}', 'given.yaml:1: server.tls.cert_file and server.tls.key_file need each other: set both, or neither'],
    ['server:\n  retry: {max_ms: 10}', 'given.yaml:2: server.retry.max_ms must be at least server.retry.base_ms, 1000 (got 10)'],
    [
      'executor: {join_token: "${NOPE}"}',
      'given.yaml:1: executor.join_token uses ${NOPE}, and no such variable is set; set it, or write $${NOPE} for the text itself',
    ],
    ['a: 1\na: 2', 'given.yaml:2: Map keys must be unique'],
    ['log: [', /^given.yaml:1: Flow sequence/],
  ])('%j is refused with what is wrong, and where', (yaml, message) => {
    expect(problem(yaml)).toEqual(typeof message === 'string' ? message : expect.stringMatching(message));
  });

  it('names the variable when the value came from the environment', () => {
    expect(problem('', { SANDGLASS_EXECUTOR_CONCURRENT_STARTS: 'many' })).toBe(
      'SANDGLASS_EXECUTOR_CONCURRENT_STARTS: executor.concurrent_starts must be a whole number from 1 to 256 (got "many")',
    );
  });

  it('reports every problem at once', () => {
    expect(problem('servr: {}\nlog: {level: loud}').split('\n')).toEqual([
      'the configuration has 2 problems',
      '  given.yaml:1: unknown key servr; did you mean server?',
      expect.stringContaining('given.yaml:2: log.level must be one of'),
    ]);
  });

  it('never shows what could be a secret', () => {
    expect(problem('server: {api_keys: [{name: a, hash: sg_plain}]}')).not.toContain('sg_plain');
    expect(problem('executor: {join_token: [sesame]}')).not.toContain('sesame');
  });

  it('warns about variables that look like ours and set nothing, and starts all the same', () => {
    const { origin } = load('', {
      SANDGLASS_SERVER_LISTN: 'x',
      SANDGLASS_SERVER_SERVICE_HOST_PORT_AND_MORE: 'x',
      SANDGLASS_URL: 'http://x',
    });
    expect(origin.warnings).toEqual([
      'the environment variable SANDGLASS_SERVER_LISTN sets nothing; did you mean SANDGLASS_SERVER_LISTEN?',
    ]);
  });
});

describe('what other machines can reach', () => {
  const key = `api_keys: [{name: a, hash: "${HASH}", admin: true}]`;

  it.each(['0.0.0.0:8900', '[::]:8900', '10.0.0.5:8900', 'example.org:8900', '127.0.0.1.example.org:8900'])(
    'refuses to listen on %s without a key or token',
    (listen) => {
      expect(problem(`server: {listen: "${listen}"}`)).toMatch(/server.api_keys is empty.*sandglass key generate/);
      expect(problem(`server: {executor_listen: "${listen}"}`)).toMatch(/server.join_token_hash is not set.*sandglass key generate/);
    },
  );

  it.each(['127.0.0.1:8900', '127.8.9.1:8900', '[::1]:8900', 'localhost:0'])('listens on %s without either', (listen) => {
    expect(load(`server: {listen: "${listen}", executor_listen: "${listen}"}`).origin.warnings).toEqual([]);
  });

  it('warns about clear text, and is content with TLS', () => {
    const open = `server: {listen: "0.0.0.0:1", executor_listen: "0.0.0.0:2", join_token_hash: "${HASH}", ${key}`;
    expect(load(`${open}}`).origin.warnings).toHaveLength(2);
    expect(load(`${open}, tls: {cert_file: a, key_file: b}}`).origin.warnings).toEqual([]);
    expect(load('executor: {server_url: "http://example.org:1", join_token: x}').origin.warnings).toEqual([
      'executor.server_url is http://example.org:1: the join token and secrets cross the network in clear text; use https',
    ]);
  });

  it('wants each key to open one namespace or all, and to be there once', () => {
    expect(problem(`server: {api_keys: [{name: a, hash: "${HASH}"}]}`)).toMatch(/must have either `namespace`/);
    expect(problem(`server: {api_keys: [{name: a, hash: "${HASH}", admin: true, namespace: b}]}`)).toMatch(/must have either `namespace`/);
    expect(problem(`server: {api_keys: [{name: a, hash: "${HASH}", admin: true}, {name: b, hash: "${HASH}", admin: true}]}`)).toMatch(
      /has the same hash/,
    );
  });
});

describe('what the executor makes in the engine', () => {
  it("never joins the engine's own networks: sandboxes would reach the host", () => {
    for (const name of ['host', 'bridge', 'none', 'default', 'container:x', '']) {
      expect(problem(`executor: {network_name: "${name}"}`)).toMatch(/executor.network_name must be 2-63 letters/);
    }
    expect(load('executor: {network_name: hosts}').executor.networkName).toBe('hosts');
  });

  it('never loses the labels that it is found by', () => {
    expect(problem('executor: {engine_labels: {dev.sandglass.executor: other}}')).toMatch(/must not set dev.sandglass.executor/);
    expect(load('executor: {engine_labels: {team: a}}').executor.engineLabels).toEqual({ team: 'a' });
  });
});

it('describes the effective configuration as a file that means the same, without secrets', () => {
  const yaml = `server: {listen: "127.0.0.1:7"}\nexecutor: {join_token: sesame, registries: [{host: h, username: u, password: opensesame}]}`;
  const text = describeConfig(load(yaml, { SANDGLASS_LOG_LEVEL: 'debug' }));
  expect(text).not.toContain('sesame');
  expect(text).toContain('level: debug # SANDGLASS_LOG_LEVEL');
  expect(text).toContain(`listen: 127.0.0.1:7 # ${folder}/given.yaml:1`);
  const again = load(text);
  expect(again.server).toEqual(load(yaml).server);
  expect(again.executor.joinToken).toBe('********');
});

it('gives the control plane every setting', () => {
  expect(toControlSettings(load('server: {retry: {max_attempts: 5}, snapshots: {max_per_namespace: 7}}'))).toEqual({
    defaultImage: 'sandglass/base:1',
    defaultResources: { cpus: 1, memoryMb: 512 },
    defaultSandboxTimeoutSecs: 0,
    defaultSnapshotTtlSecs: 1_209_600,
    maxSnapshotsPerNamespace: 7,
    snapshotCleanupIntervalSecs: 3600,
    failedSnapshotRetentionSecs: 86_400,
    terminatedSandboxRetentionSecs: 86_400,
    executorGraceSecs: 120,
    sandboxStartDeadlineSecs: 600,
    operationTimeoutSecs: { start: 600, stop: 60, pause: 30, capture: 600, remove: 120 },
    retry: { maxAttempts: 5, backoff: { baseMs: 1000, maxMs: 60_000 } },
  });
});

it('makes keys that are long, different each time, and known by their hash', () => {
  const key = generateApiKey();
  expect(key).toMatch(/^sg_[0-9a-f]{64}$/);
  expect(generateApiKey()).not.toBe(key);
  expect(hashApiKey('abc')).toBe('sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
});
