import { Compile } from 'typebox/schema';
import { expect, test } from 'vitest';
import { SANDBOX_EXAMPLES } from '../../../test/support/sandbox-examples.ts';
import type { Sandbox } from '../../model/sandbox.ts';
import { presentSandbox } from './present-sandbox.ts';
import { Progress } from './schemas/progress.ts';
import { Sandbox as SandboxSchema } from './schemas/sandbox.ts';

const FULL = {
  id: 'sb-1',
  namespace: 'default',
  spec: {
    image: 'debian:12',
    resources: { cpus: 1, memoryMb: 512 },
    env: { LANG: 'C' },
    secretNames: ['TOKEN'],
    timeoutSecs: 15,
    onTimeout: 'terminate',
    network: { allowInternetAccess: true },
    exposedPorts: [],
  },
  labels: { a: 'b' },
  source: { snapshotId: 'snap-1', imageRef: 'hidden', digest: 'hidden' },
  status: 'terminated',
  pendingReason: 'waits',
  outcome: 'exited',
  message: 'its main process ended with status 3',
  failure: { reason: 'engine_error', message: 'no' },
  exitCode: 3,
  executorId: 'exec-1',
  createdAt: 1,
  startedAt: 2,
  terminatedAt: 3,
  expiresAt: 4,
  timeoutSecs: 99,
  timeoutSnapshotId: 'snap-2',
  startDeadlineAt: 5,
  attempt: 6,
  progress: { phase: 'pulling', bytesDone: 7 },
} as unknown as Sandbox;

test('a sandbox is answered with all that is known of it, and nothing of how it is worked on', () => {
  expect(presentSandbox(FULL)).toEqual({
    sandbox_id: 'sb-1',
    namespace: 'default',
    status: 'terminated',
    pending_reason: 'waits',
    outcome: 'exited',
    message: 'its main process ended with status 3',
    error: { code: 'unknown', reason: 'engine_error', message: 'no' },
    exit_code: 3,
    snapshot_id: 'snap-1',
    labels: { a: 'b' },
    executor_id: 'exec-1',
    created_at: 1,
    started_at: 2,
    terminated_at: 3,
    expires_at: 4,
    timeout_snapshot_id: 'snap-2',
    progress: { phase: 'pulling', bytes_done: 7 },
    image: 'debian:12',
    resources: { cpus: 1, memory_mb: 512 },
    env: { LANG: 'C' },
    secret_names: ['TOKEN'],
    timeout_secs: 15,
    on_timeout: 'terminate',
    network: { allow_internet_access: true },
    exposed_ports: [],
  });
});

test('what is not known is left out, in every state, and the answer is as the schema says', () => {
  const validator = Compile({ 'Progress#': Progress }, SandboxSchema);
  for (const story of Object.values(SANDBOX_EXAMPLES).flat()) {
    const presented = presentSandbox(story().sandbox);
    expect(Object.values(presented)).not.toContain(undefined);
    expect(validator.Errors(presented)).toEqual([true, []]);
  }
});
