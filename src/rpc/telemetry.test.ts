import { create } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { anyCount, overTheWire } from '../../test/support/rpc-arbitraries.ts';
import type { LogLine, SandboxMetrics } from '../model/telemetry.ts';
import { LogLineSchema, SandboxMetricsSchema } from './gen/sandglass/v1/executor_pb.js';
import { CHUNK_BYTES } from './limits.ts';
import { logLineToProto, metricsToProto, parseLogLine, parseMetrics } from './telemetry.ts';

const anyLine: fc.Arbitrary<LogLine> = fc.record({
  at: anyCount,
  stream: fc.constantFrom('stdout' as const, 'stderr' as const),
  bytes: fc.uint8Array(),
});

const anyQuantity = fc.double({ min: 0, max: 1e6, noNaN: true });
const anyMetrics: fc.Arbitrary<SandboxMetrics> = fc.record(
  {
    at: anyCount,
    cpus: anyQuantity,
    cpuTimeMs: anyCount,
    cpuUsed: anyQuantity,
    memoryUsedBytes: anyCount,
    memoryLimitBytes: anyCount,
    memoryCacheBytes: anyCount,
    diskUsedBytes: anyCount,
    processes: anyCount,
    networkReceivedBytes: anyCount,
    networkSentBytes: anyCount,
  },
  {
    requiredKeys: [
      'at',
      'cpus',
      'cpuTimeMs',
      'cpuUsed',
      'memoryUsedBytes',
      'memoryLimitBytes',
      'memoryCacheBytes',
      'processes',
      'networkReceivedBytes',
      'networkSentBytes',
    ],
  },
);

describe('a line of a log', () => {
  test('arrives as it was sent', () => {
    fc.assert(
      fc.property(anyLine, (line) => {
        const messages = [...logLineToProto(line)];
        expect(messages.map((message) => parseLogLine(overTheWire(LogLineSchema, message)))).toEqual([line]);
      }),
    );
  });

  test('that no message could carry goes as several', () => {
    const bytes = new Uint8Array(2 * CHUNK_BYTES + 1).map((_, n) => n % 251);
    const parts = [...logLineToProto({ at: 7, stream: 'stderr', bytes })].map(parseLogLine);
    expect(parts.map(({ at, stream, bytes: { length } }) => [at, stream, length])).toEqual([
      [7, 'stderr', CHUNK_BYTES],
      [7, 'stderr', CHUNK_BYTES],
      [7, 'stderr', 1],
    ]);
    expect(Buffer.concat(parts.map((part) => part.bytes)).equals(bytes)).toBe(true);
  });

  test.each([
    ['of no stream', { atMs: 1n }],
    ['that is too long', { atMs: 1n, stream: 1, line: new Uint8Array(CHUNK_BYTES + 1) }],
    ['from before 1970', { atMs: -1n, stream: 1 }],
  ])('%s is refused', (_name, line) => {
    expect(() => parseLogLine(create(LogLineSchema, line))).toThrow(expect.objectContaining({ reason: 'invalid_request' }));
  });
});

describe('metrics', () => {
  test('arrive as they were sent', () => {
    fc.assert(
      fc.property(anyMetrics, (metrics) => {
        expect(parseMetrics(overTheWire(SandboxMetricsSchema, metricsToProto(metrics)))).toEqual(metrics);
      }),
    );
  });

  test.each([
    ['CPUs that are no number', { cpus: Number.NaN }],
    ['endless use', { cpuUsed: Number.POSITIVE_INFINITY }],
    ['negative use', { cpuUsed: -0.1 }],
    ['negative memory', { memoryUsedBytes: -1n }],
    ['more than all numbers', { networkSentBytes: 2n ** 62n }],
  ])('with %s are refused', (_name, metrics) => {
    expect(() => parseMetrics(create(SandboxMetricsSchema, metrics))).toThrow(expect.objectContaining({ reason: 'invalid_request' }));
  });
});
