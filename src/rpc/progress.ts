import { create } from '@bufbuild/protobuf';
import type { AttemptRef, Progress } from '../model/operation.ts';
import { int32, int64, plainText, wholeNumber } from './checks.ts';
import { type OperationProgress, OperationProgressSchema } from './gen/sandglass/v1/executor_pb.js';
import { parseAttemptRef } from './instruction.ts';

const MAX_PHASE = 64;

export function progressToProto(ref: AttemptRef, { phase, bytesDone, bytesTotal, layersDone, layersTotal }: Progress): OperationProgress {
  return create(OperationProgressSchema, {
    ...ref,
    phase: phase.replace(/\p{Cc}/gu, ' ').slice(0, MAX_PHASE),
    bytesDone: int64(bytesDone),
    ...(bytesTotal === undefined ? {} : { bytesTotal: int64(bytesTotal) }),
    ...(layersDone === undefined ? {} : { layersDone: int32(layersDone) }),
    ...(layersTotal === undefined ? {} : { layersTotal: int32(layersTotal) }),
  });
}

/** @throws SandglassError `operation_not_found`, `invalid_request`. */
export function parseProgress(message: OperationProgress): { readonly ref: AttemptRef; readonly progress: Progress } {
  const { bytesTotal, layersDone, layersTotal } = message;
  return {
    ref: parseAttemptRef(message),
    progress: {
      phase: plainText('phase', message.phase, MAX_PHASE),
      bytesDone: wholeNumber('bytes_done', message.bytesDone),
      ...(bytesTotal === undefined ? {} : { bytesTotal: wholeNumber('bytes_total', bytesTotal) }),
      ...(layersDone === undefined ? {} : { layersDone: wholeNumber('layers_done', layersDone) }),
      ...(layersTotal === undefined ? {} : { layersTotal: wholeNumber('layers_total', layersTotal) }),
    },
  };
}
