import { create } from '@bufbuild/protobuf';
import type { LogLine, SandboxMetrics } from '../model/telemetry.ts';
import { boundedBytes, int64, malformed, wholeNumber } from './checks.ts';
import {
  type LogLine as LogLineProto,
  LogLineSchema,
  LogStream,
  type SandboxMetrics as SandboxMetricsProto,
  SandboxMetricsSchema,
} from './gen/sandglass/v1/executor_pb.js';
import { CHUNK_BYTES } from './limits.ts';

const STREAMS = { stdout: LogStream.STDOUT, stderr: LogStream.STDERR } as const satisfies Record<LogLine['stream'], LogStream>;

/** A line as one message, or as several when no message could carry it: parts of a very long line are lines of their own. */
export function* logLineToProto({ at, stream, bytes }: LogLine): Generator<LogLineProto> {
  let from = 0;
  do {
    const line = bytes.subarray(from, from + CHUNK_BYTES);
    yield create(LogLineSchema, { atMs: int64(at), stream: STREAMS[stream], line });
    from += CHUNK_BYTES;
  } while (from < bytes.length);
}

/** @throws SandglassError `invalid_request`. */
export function parseLogLine({ atMs, stream, line }: LogLineProto): LogLine {
  return { at: wholeNumber('at_ms', atMs), stream: parseStream(stream), bytes: boundedBytes('line', line, CHUNK_BYTES) };
}

function parseStream(stream: LogStream): LogLine['stream'] {
  switch (stream) {
    case LogStream.STDOUT:
      return 'stdout';
    case LogStream.STDERR:
      return 'stderr';
    default:
      throw malformed('stream', `is ${stream}, which means nothing here`);
  }
}

export function metricsToProto(metrics: SandboxMetrics): SandboxMetricsProto {
  const { diskUsedBytes } = metrics;
  return create(SandboxMetricsSchema, {
    atMs: int64(metrics.at),
    cpus: metrics.cpus,
    cpuTimeMs: int64(metrics.cpuTimeMs),
    cpuUsed: metrics.cpuUsed,
    memoryUsedBytes: int64(metrics.memoryUsedBytes),
    memoryLimitBytes: int64(metrics.memoryLimitBytes),
    memoryCacheBytes: int64(metrics.memoryCacheBytes),
    ...(diskUsedBytes === undefined ? {} : { diskUsedBytes: int64(diskUsedBytes) }),
    processes: int64(metrics.processes),
    networkReceivedBytes: int64(metrics.networkReceivedBytes),
    networkSentBytes: int64(metrics.networkSentBytes),
  });
}

/** @throws SandglassError `invalid_request`. */
export function parseMetrics(message: SandboxMetricsProto): SandboxMetrics {
  const { diskUsedBytes } = message;
  return {
    at: wholeNumber('at_ms', message.atMs),
    cpus: quantity('cpus', message.cpus),
    cpuTimeMs: wholeNumber('cpu_time_ms', message.cpuTimeMs),
    cpuUsed: quantity('cpu_used', message.cpuUsed),
    memoryUsedBytes: wholeNumber('memory_used_bytes', message.memoryUsedBytes),
    memoryLimitBytes: wholeNumber('memory_limit_bytes', message.memoryLimitBytes),
    memoryCacheBytes: wholeNumber('memory_cache_bytes', message.memoryCacheBytes),
    ...(diskUsedBytes === undefined ? {} : { diskUsedBytes: wholeNumber('disk_used_bytes', diskUsedBytes) }),
    processes: wholeNumber('processes', message.processes),
    networkReceivedBytes: wholeNumber('network_received_bytes', message.networkReceivedBytes),
    networkSentBytes: wholeNumber('network_sent_bytes', message.networkSentBytes),
  };
}

/** A finite number from 0 on. */
function quantity(field: string, value: number): number {
  if (!Number.isFinite(value) || value < 0) throw malformed(field, 'is not a number from 0 on');
  return value;
}
