import type { ControlSettings } from '../control/context.ts';
import type { Config } from './config.ts';

/** What the control plane takes from the configuration. */
export function toControlSettings({ server }: Config): ControlSettings {
  return {
    defaultImage: server.defaultImage,
    defaultResources: server.defaultResources,
    defaultSandboxTimeoutSecs: server.defaultSandboxTimeoutSecs,
    defaultSnapshotTtlSecs: server.snapshots.defaultTtlSecs,
    maxSnapshotsPerNamespace: server.snapshots.maxPerNamespace,
    snapshotCleanupIntervalSecs: server.snapshots.cleanupIntervalSecs,
    failedSnapshotRetentionSecs: server.snapshots.failedRetentionSecs,
    terminatedSandboxRetentionSecs: server.terminatedSandboxRetentionSecs,
    executorGraceSecs: server.executorGraceSecs,
    sandboxStartDeadlineSecs: server.sandboxStartDeadlineSecs,
    operationTimeoutSecs: server.operationTimeoutSecs,
    retry: { maxAttempts: server.retry.maxAttempts, backoff: { baseMs: server.retry.baseMs, maxMs: server.retry.maxMs } },
  };
}
