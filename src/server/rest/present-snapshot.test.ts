import { Compile } from 'typebox/schema';
import { expect, test } from 'vitest';
import { SNAPSHOT_EXAMPLES } from '../../../test/support/snapshot-examples.ts';
import type { Snapshot } from '../../model/snapshot.ts';
import { presentSnapshot } from './present-snapshot.ts';
import { Progress } from './schemas/progress.ts';
import { SandboxConfig } from './schemas/sandbox.ts';
import { Snapshot as SnapshotSchema } from './schemas/snapshot.ts';

const FULL = {
  id: 'snap-1',
  namespace: 'default',
  sandboxId: 'sb-1',
  executorId: 'exec-1',
  name: 'before-upgrade',
  labels: { a: 'b' },
  status: 'failed',
  statusReason: 'no space',
  error: { reason: 'disk_full', message: 'no space', attempts: 3 },
  createdAt: 1,
  activatedAt: 2,
  failedAt: 3,
  ttlSecs: 60,
  expiresAt: 4,
  imageRef: 'sandglass/default:snap-1',
  digest: 'sha256:ab',
  sizeBytes: 5,
  layerCount: 6,
  parentSnapshotId: 'snap-0',
  availableOn: ['exec-1'],
  inRegistry: false,
  progress: { phase: 'capturing', bytesDone: 7, bytesTotal: 8, layersDone: 9, layersTotal: 10 },
  timings: { freezeMs: 11, captureMs: 12, uploadMs: 13, totalMs: 14 },
  sandboxConfig: {
    image: 'debian:12',
    resources: { cpus: 1, memoryMb: 512, diskMb: 1024 },
    env: { LANG: 'C' },
    secretNames: ['TOKEN'],
    entrypoint: ['sleep', '1'],
    workdir: '/w',
    user: 'u',
    timeoutSecs: 15,
    onTimeout: 'terminate',
    network: { allowInternetAccess: false },
    exposedPorts: [80],
    runtime: 'runsc',
  },
  attempt: 3,
  nextAttemptAt: 16,
} as unknown as Snapshot;

test('a snapshot is answered with all that is known of it, and nothing of how it is worked on', () => {
  expect(presentSnapshot(FULL)).toEqual({
    snapshot_id: 'snap-1',
    sandbox_id: 'sb-1',
    namespace: 'default',
    name: 'before-upgrade',
    labels: { a: 'b' },
    status: 'failed',
    status_reason: 'no space',
    error: { code: 'resource_exhausted', reason: 'disk_full', message: 'no space', attempts: 3 },
    created_at: 1,
    activated_at: 2,
    ttl_secs: 60,
    expires_at: 4,
    image_ref: 'sandglass/default:snap-1',
    digest: 'sha256:ab',
    size_bytes: 5,
    layer_count: 6,
    parent_snapshot_id: 'snap-0',
    available_on: ['exec-1'],
    in_registry: false,
    progress: { phase: 'capturing', bytes_done: 7, bytes_total: 8, layers_done: 9, layers_total: 10 },
    timings: { freeze_ms: 11, capture_ms: 12, upload_ms: 13, total_ms: 14 },
    sandbox_config: {
      image: 'debian:12',
      resources: { cpus: 1, memory_mb: 512, disk_mb: 1024 },
      env: { LANG: 'C' },
      secret_names: ['TOKEN'],
      entrypoint: ['sleep', '1'],
      workdir: '/w',
      user: 'u',
      timeout_secs: 15,
      on_timeout: 'terminate',
      network: { allow_internet_access: false },
      exposed_ports: [80],
      runtime: 'runsc',
    },
  });
});

test('what is not known is left out, in every state, and the answer is as the schema says', () => {
  const validator = Compile({ 'SandboxConfig#': SandboxConfig, 'Progress#': Progress }, SnapshotSchema);
  for (const story of Object.values(SNAPSHOT_EXAMPLES).flat()) {
    const presented = presentSnapshot(story().snapshot);
    expect(Object.values(presented)).not.toContain(undefined);
    expect(validator.Errors(presented)).toEqual([true, []]);
  }
});
