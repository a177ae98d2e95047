import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { failureOf, parseFailure } from '../model/errors.ts';
import type { OperationResult } from '../model/instruction.ts';
import type { AttemptRef } from '../model/operation.ts';
import type { Captured } from '../model/snapshot.ts';
import { int32, int64, malformed, wholeNumber } from './checks.ts';
import {
  type Captured as CapturedProto,
  type OperationResult as OperationResultProto,
  OperationResultSchema,
} from './gen/sandglass/v1/executor_pb.js';
import { parseAttemptRef } from './instruction.ts';

export function resultToProto(ref: AttemptRef, result: OperationResult): OperationResultProto {
  return create(OperationResultSchema, { ...ref, outcome: outcomeToProto(result) });
}

function outcomeToProto(result: OperationResult): NonNullable<MessageInitShape<typeof OperationResultSchema>['outcome']> {
  switch (result.outcome) {
    case 'done':
      return { case: 'done', value: {} };
    case 'captured': {
      const { digest, sizeBytes, layerCount, freezeMs, captureMs } = result.captured;
      return {
        case: 'captured',
        value: {
          digest,
          sizeBytes: int64(sizeBytes),
          layerCount: int32(layerCount),
          freezeMs: int64(freezeMs),
          captureMs: int64(captureMs),
        },
      };
    }
    case 'failed':
      return { case: 'failure', value: { ...result.failure } };
  }
}

/**
 * A result whose outcome makes no sense is a failure that says so: it ends its attempt, where an error would only have it
 * repeated. @throws SandglassError `operation_not_found`, `invalid_request`.
 */
export function parseResult(message: OperationResultProto): { readonly ref: AttemptRef; readonly result: OperationResult } {
  const ref = parseAttemptRef(message);
  try {
    return { ref, result: parseOutcome(message.outcome) };
  } catch (error) {
    return { ref, result: { outcome: 'failed', failure: failureOf(error) } };
  }
}

function parseOutcome(outcome: OperationResultProto['outcome']): OperationResult {
  switch (outcome.case) {
    case 'done':
      return { outcome: 'done' };
    case 'captured':
      return { outcome: 'captured', captured: parseCaptured(outcome.value) };
    case 'failure':
      return { outcome: 'failed', failure: parseFailure(outcome.value.reason, outcome.value.message) };
    case undefined:
      throw malformed('outcome', 'is missing or unknown');
  }
}

function parseCaptured(captured: CapturedProto): Captured {
  if (!/^sha256:[0-9a-f]{64}$/.test(captured.digest)) throw malformed('captured.digest', 'is not sha256: and 64 hexadecimal digits');
  return {
    digest: captured.digest,
    sizeBytes: wholeNumber('captured.size_bytes', captured.sizeBytes),
    layerCount: wholeNumber('captured.layer_count', captured.layerCount),
    freezeMs: wholeNumber('captured.freeze_ms', captured.freezeMs),
    captureMs: wholeNumber('captured.capture_ms', captured.captureMs),
  };
}
