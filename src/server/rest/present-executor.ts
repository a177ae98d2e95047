import type { Executor } from '../../model/executor.ts';
import type * as wire from './schemas/executor.ts';

/** An executor as the API answers it. */
export function presentExecutor({ id, info, status, cordoned, firstSeenAt, statusChangedAt }: Executor): wire.Executor {
  const { capacity } = info;
  return {
    executor_id: id,
    hostname: info.hostname,
    version: info.version,
    status,
    cordoned,
    engine: info.engine,
    runtimes: [...info.runtimes],
    labels: info.labels,
    capacity: { cpus: capacity.cpus, memory_mb: capacity.memoryMb, max_sandboxes: capacity.maxSandboxes },
    first_seen_at: firstSeenAt,
    status_changed_at: statusChangedAt,
  };
}
