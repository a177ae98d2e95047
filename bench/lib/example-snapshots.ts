import { createHash } from 'node:crypto';
import { type ExecutorId, idFromHex, type Namespace, type SandboxId, type SnapshotId } from '../../src/model/ids.ts';
import type { Snapshot } from '../../src/model/snapshot.ts';

/*
 * Snapshots as the server stores them: the fields, sizes and indexes of real ones, without an engine. The same number always
 * makes the same snapshot, so that those of a filled store can be asked for without having been kept.
 */

export const NAMESPACE = 'default' as Namespace;
/** A value of each filter that finds snapshots. */
export const FILTERS = { commonStatus: 'active', rareStatus: 'failed', label: 'team=team-7' } as const;

const EXECUTOR: ExecutorId = idFromHex('executor', '01932c5d00007000800000000000beef');
const FIRST_CREATED_AT = 1_700_000_000_000;
const APART_MS = 800;
const TTL_SECS = 315_360_000; // so that none expires while it is measured
const PER_SANDBOX = 10;
const FAILED_EVERY = 50;
const NAMED_EVERY = 4;
const PER_NAME = 400;
const TEAMS = 200;
const BRANCHES = 1000;

/** The snapshot with the given number, counted from 0; the next one is a little younger. */
export function exampleSnapshot(number: number): Snapshot {
  const createdAt = createdAtOf(number);
  const id = exampleSnapshotId(number);
  const common = {
    id,
    namespace: NAMESPACE,
    sandboxId: exampleSandboxId(number),
    executorId: EXECUTOR,
    ...(number % NAMED_EVERY === 0 ? { name: exampleName(number) } : {}),
    labels: { team: `team-${number % TEAMS}`, branch: `feature/${number % BRANCHES}` },
    createdAt,
    ttlSecs: TTL_SECS,
    expiresAt: createdAt + TTL_SECS * 1000,
    imageRef: `sandglass-snapshots/${NAMESPACE}:${id}`,
    inRegistry: false,
    sandboxConfig: SPEC,
  } as const;
  if (number % FAILED_EVERY === FAILED_EVERY - 1) {
    const error = { reason: 'disk_full', message: 'the engine says: no space left on device', attempts: 3 } as const;
    return { ...common, status: 'failed', error, failedAt: createdAt + 3000, availableOn: [], attempt: 3 };
  }
  return {
    ...common,
    status: 'active',
    activatedAt: createdAt + 118,
    digest: `sha256:${digest(id)}`,
    sizeBytes: 130_000_000 + number,
    layerCount: 2,
    availableOn: [EXECUTOR],
    timings: { freezeMs: 84, captureMs: 104, totalMs: 118 },
    attempt: 1,
  };
}

export function exampleSnapshotId(number: number): SnapshotId {
  return idFromHex('snapshot', uuid(createdAtOf(number), `snapshot ${number}`));
}

/** The sandbox that the snapshot is of, as are nine others. */
export function exampleSandboxId(number: number): SandboxId {
  const first = number - (number % PER_SANDBOX);
  return idFromHex('sandbox', uuid(createdAtOf(first), `sandbox ${first}`));
}

/** The name of the snapshot, if it has one, or of its neighbours; a hundred share it. */
export function exampleName(number: number): string {
  return `nightly-${Math.floor(number / PER_NAME)}`;
}

function createdAtOf(number: number): number {
  return FIRST_CREATED_AT + number * APART_MS;
}

/** The digits of a UUIDv7. */
function uuid(timeMs: number, seed: string): string {
  const random = digest(seed);
  return `${timeMs.toString(16).padStart(12, '0')}7${random.slice(0, 3)}8${random.slice(3, 18)}`;
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

const SPEC: Snapshot['sandboxConfig'] = {
  image: 'sandglass/base:1',
  resources: { cpus: 1, memoryMb: 512 },
  env: { LANG: 'C.UTF-8', APP_ENV: 'staging', DATABASE_URL: 'postgres://db.internal:5432/app' },
  secretNames: ['GITHUB_TOKEN'],
  workdir: '/workspace',
  timeoutSecs: 3600,
  onTimeout: 'terminate',
  network: { allowInternetAccess: true },
  exposedPorts: [3000],
};
