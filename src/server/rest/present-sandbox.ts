import { compact } from '../../lib/compact.ts';
import type { Failure } from '../../model/errors.ts';
import type { Progress } from '../../model/operation.ts';
import { REASONS } from '../../model/reasons.ts';
import type { Sandbox, SandboxSpec } from '../../model/sandbox.ts';
import type * as wire from './schemas/sandbox.ts';

/** A sandbox as the API answers it. */
export function presentSandbox(sandbox: Sandbox): wire.Sandbox {
  const { progress, source } = sandbox;
  const failure = sandbox.failure ?? sandbox.captureFailure;
  return compact({
    sandbox_id: sandbox.id,
    namespace: sandbox.namespace,
    status: sandbox.status,
    pending_reason: sandbox.pendingReason,
    outcome: sandbox.outcome,
    message: sandbox.message,
    error: failure && presentFailure(failure),
    exit_code: sandbox.exitCode,
    snapshot_id: source?.snapshotId,
    labels: sandbox.labels,
    executor_id: sandbox.executorId,
    created_at: sandbox.createdAt,
    started_at: sandbox.startedAt,
    terminated_at: sandbox.terminatedAt,
    expires_at: sandbox.expiresAt,
    timeout_snapshot_id: sandbox.timeoutSnapshotId,
    progress: progress && presentProgress(progress),
    ...presentSpec(sandbox.spec),
  });
}

/** The configuration of a sandbox as the API answers it. Environment values are part of it; secrets are not, only their names. */
export function presentSpec(spec: SandboxSpec): wire.SandboxConfig {
  const { resources } = spec;
  return compact({
    image: spec.image,
    resources: compact({ cpus: resources.cpus, memory_mb: resources.memoryMb, disk_mb: resources.diskMb }),
    env: spec.env,
    secret_names: [...spec.secretNames],
    entrypoint: spec.entrypoint && [...spec.entrypoint],
    workdir: spec.workdir,
    user: spec.user,
    timeout_secs: spec.timeoutSecs,
    on_timeout: spec.onTimeout,
    network: { allow_internet_access: spec.network.allowInternetAccess },
    exposed_ports: [...spec.exposedPorts],
    runtime: spec.runtime,
  });
}

export function presentFailure({ reason, message }: Failure) {
  return { code: REASONS[reason].code as string, reason: reason as string, message };
}

export function presentProgress(progress: Progress) {
  return compact({
    phase: progress.phase,
    bytes_done: progress.bytesDone,
    bytes_total: progress.bytesTotal,
    layers_done: progress.layersDone,
    layers_total: progress.layersTotal,
  });
}

/** What commands answer at once. */
export function presentAccepted(sandbox: Sandbox) {
  return { sandbox_id: sandbox.id as string, status: sandbox.status };
}
