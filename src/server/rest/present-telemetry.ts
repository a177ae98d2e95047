import { compact } from '../../lib/compact.ts';
import type { LogLine, SandboxMetrics } from '../../model/telemetry.ts';
import type { Encoding } from './schemas/exec.ts';
import type * as wire from './schemas/telemetry.ts';

/** A line of a sandbox's log as the API answers it. */
export function presentLogLine({ at, stream, bytes }: LogLine, encoding: Encoding = 'utf8'): wire.LogEntry {
  return { at, stream, message: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString(encoding) };
}

/** What a sandbox uses as the API answers it. */
export function presentMetrics(metrics: SandboxMetrics): wire.SandboxMetrics {
  return compact({
    at: metrics.at,
    cpus: metrics.cpus,
    cpu_time_ms: Math.round(metrics.cpuTimeMs),
    cpu_used: metrics.cpuUsed,
    memory_used_bytes: metrics.memoryUsedBytes,
    memory_limit_bytes: metrics.memoryLimitBytes,
    memory_cache_bytes: metrics.memoryCacheBytes,
    disk_used_bytes: metrics.diskUsedBytes,
    processes: metrics.processes,
    network_received_bytes: metrics.networkReceivedBytes,
    network_sent_bytes: metrics.networkSentBytes,
  });
}
