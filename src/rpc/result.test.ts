import { create } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { anyAttempt, anyCount, anyDigest, anyId, anyPlainText, overTheWire } from '../../test/support/rpc-arbitraries.ts';
import type { OperationResult } from '../model/instruction.ts';
import type { AttemptRef, Progress } from '../model/operation.ts';
import { REASONS, type Reason } from '../model/reasons.ts';
import { OperationProgressSchema, OperationResultSchema } from './gen/sandglass/v1/executor_pb.js';
import { parseProgress, progressToProto } from './progress.ts';
import { parseResult, resultToProto } from './result.ts';

const anyRef: fc.Arbitrary<AttemptRef> = fc.record({ operationId: anyId('operation'), attempt: anyAttempt });

const anyResult: fc.Arbitrary<OperationResult> = fc.oneof(
  fc.constant({ outcome: 'done' as const }),
  fc.record({
    outcome: fc.constant('captured' as const),
    captured: fc.record({ digest: anyDigest, sizeBytes: anyCount, layerCount: fc.nat(), freezeMs: anyCount, captureMs: anyCount }),
  }),
  fc.record({
    outcome: fc.constant('failed' as const),
    failure: fc.record({ reason: fc.constantFrom(...(Object.keys(REASONS) as Reason[])), message: fc.string({ unit: 'grapheme' }) }),
  }),
);

const anyProgress: fc.Arbitrary<Progress> = fc.record(
  { phase: anyPlainText, bytesDone: anyCount, bytesTotal: anyCount, layersDone: fc.nat(), layersTotal: fc.nat() },
  { requiredKeys: ['phase', 'bytesDone'] },
);

describe('a result', () => {
  test('arrives as it was sent', () => {
    fc.assert(
      fc.property(anyRef, anyResult, (ref, result) => {
        expect(parseResult(overTheWire(OperationResultSchema, resultToProto(ref, result)))).toEqual({ ref, result });
      }),
    );
  });

  test('has its durations rounded', () => {
    const captured = { digest: `sha256:${'0'.repeat(64)}`, sizeBytes: 1, layerCount: 1, freezeMs: 1.6, captureMs: Number.NaN };
    const ref = { operationId: fc.sample(anyId('operation'), 1)[0] as AttemptRef['operationId'], attempt: 1 };
    const { result } = parseResult(resultToProto(ref, { outcome: 'captured', captured }));
    expect(result).toMatchObject({ captured: { freezeMs: 2, captureMs: 0 } });
  });

  test('of an attempt that can not be is refused', () => {
    expect(() => parseResult(create(OperationResultSchema, { operationId: 'op-1', attempt: 1 }))).toThrow();
  });

  test('that fails for an unknown reason, at length, is an internal failure, cut short', () => {
    const operationId = `op-${'0'.repeat(32)}`;
    const failure = { case: 'failure' as const, value: { reason: 'brand_new', message: 'x'.repeat(100_000) } };
    const { result } = parseResult(create(OperationResultSchema, { operationId, attempt: 1, outcome: failure }));
    expect(result).toMatchObject({ outcome: 'failed', failure: { reason: 'internal' } });
    expect(JSON.stringify(result).length).toBeLessThan(3_000);
  });
});

test('progress arrives as it was sent', () => {
  fc.assert(
    fc.property(anyRef, anyProgress, (ref, progress) => {
      expect(parseProgress(overTheWire(OperationProgressSchema, progressToProto(ref, progress)))).toEqual({ ref, progress });
    }),
  );
});
