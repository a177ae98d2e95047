import type { Executor, FileEntry, Sandbox, Snapshot } from '../../sdk/src/index.ts';

export const SANDBOX_ID = 'sb-0192f3c1a5b47c9e8d2f6a7b8c9d0e1f';
export const SNAPSHOT_ID = 'snap-0192f3c1a5b47c9e8d2f6a7b8c9d0e2f';
export const EXECUTOR_ID = 'exec-0192f3c1a5b47c9e8d2f6a7b8c9d0e3f';

const config = {
  image: 'sandglass/base:1',
  resources: { cpus: 1, memory_mb: 512 },
  env: { LANG: 'C.UTF-8' },
  secret_names: ['TOKEN'],
  timeout_secs: 0,
  on_timeout: 'terminate',
  network: { allow_internet_access: true },
  exposed_ports: [],
} as const;

/** A sandbox as the REST API shows it, with `fields` on top. */
export function apiSandbox(fields: Partial<Sandbox> = {}): Sandbox {
  return {
    sandbox_id: SANDBOX_ID,
    namespace: 'default',
    status: 'running',
    ...config,
    labels: {},
    executor_id: EXECUTOR_ID,
    created_at: 1_750_000_000_000,
    started_at: 1_750_000_001_000,
    ...fields,
  };
}

/** A snapshot as the REST API shows it, with `fields` on top. */
export function apiSnapshot(fields: Partial<Snapshot> = {}): Snapshot {
  return {
    snapshot_id: SNAPSHOT_ID,
    sandbox_id: SANDBOX_ID,
    namespace: 'default',
    labels: {},
    status: 'active',
    created_at: 1_750_000_000_000,
    ttl_secs: 3600,
    image_ref: `sandglass/default:${SNAPSHOT_ID}`,
    available_on: [EXECUTOR_ID],
    in_registry: false,
    sandbox_config: config,
    ...fields,
  };
}

/** An executor as the REST API shows it, with `fields` on top. */
export function apiExecutor(fields: Partial<Executor> = {}): Executor {
  return {
    executor_id: EXECUTOR_ID,
    hostname: 'host-1',
    version: '0.1.0',
    status: 'online',
    cordoned: false,
    engine: 'docker 20.10.24',
    runtimes: ['runc'],
    labels: {},
    capacity: { cpus: 16, memory_mb: 32_768, max_sandboxes: 200 },
    first_seen_at: 1_750_000_000_000,
    status_changed_at: 1_750_000_000_000,
    ...fields,
  };
}

/** A file as the REST API shows it, with `fields` on top. */
export function apiFile(fields: Partial<FileEntry> = {}): FileEntry {
  return {
    name: 'f',
    type: 'file',
    path: '/f',
    size_bytes: 4,
    mode: '0644',
    permissions: '-rw-r--r--',
    owner: 'root',
    group: 'root',
    modified_at: 1_750_000_000_000,
    metadata: {},
    ...fields,
  };
}
