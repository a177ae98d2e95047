import { compact } from '../../lib/compact.ts';
import type { Snapshot } from '../../model/snapshot.ts';
import { presentFailure, presentProgress, presentSpec } from './present-sandbox.ts';
import type * as wire from './schemas/snapshot.ts';

/** A snapshot as the API answers it. */
export function presentSnapshot(snapshot: Snapshot): wire.Snapshot {
  const { error, progress, timings } = snapshot;
  return compact({
    snapshot_id: snapshot.id,
    sandbox_id: snapshot.sandboxId,
    namespace: snapshot.namespace,
    name: snapshot.name,
    labels: snapshot.labels,
    status: snapshot.status,
    status_reason: snapshot.statusReason,
    error: error && { ...presentFailure(error), attempts: error.attempts },
    created_at: snapshot.createdAt,
    activated_at: snapshot.activatedAt,
    ttl_secs: snapshot.ttlSecs,
    expires_at: snapshot.expiresAt,
    image_ref: snapshot.imageRef,
    digest: snapshot.digest,
    size_bytes: snapshot.sizeBytes,
    layer_count: snapshot.layerCount,
    parent_snapshot_id: snapshot.parentSnapshotId,
    available_on: [...snapshot.availableOn],
    in_registry: snapshot.inRegistry,
    progress: progress && presentProgress(progress),
    timings:
      timings &&
      compact({
        freeze_ms: timings.freezeMs,
        capture_ms: timings.captureMs,
        upload_ms: timings.uploadMs,
        total_ms: timings.totalMs,
      }),
    sandbox_config: presentSpec(snapshot.sandboxConfig),
  });
}
