import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { type Namespace, parseId, parseNamespace, type SandboxId } from '../model/ids.ts';
import type { Instruction, Work } from '../model/instruction.ts';
import type { AttemptRef } from '../model/operation.ts';
import type { SandboxSource } from '../model/sandbox.ts';
import { boundedText, int64, malformed, plainText, present, wholeNumber } from './checks.ts';
import { type Operation, OperationSchema, type StartSandbox } from './gen/sandglass/v1/executor_pb.js';
import { parseEnv, parseSandboxSpec, sandboxSpecToProto } from './sandbox-spec.ts';

/** An instruction as its executor sees it. `timeoutMs` counts from its arrival, and anew from each report of progress. */
export type Assignment = AttemptRef & {
  readonly namespace: Namespace;
  readonly sandboxId: SandboxId;
  readonly timeoutMs: number;
} & Work;

type WorkProto = NonNullable<MessageInitShape<typeof OperationSchema>['instruction']>;

export function instructionToProto(instruction: Instruction): Operation {
  return create(OperationSchema, {
    operationId: instruction.id,
    attempt: instruction.attempt,
    namespace: instruction.namespace,
    sandboxId: instruction.sandboxId,
    timeoutMs: int64(instruction.timeoutMs),
    instruction: workToProto(instruction),
  });
}

function workToProto(work: Work): WorkProto {
  switch (work.kind) {
    case 'start_sandbox': {
      const { spec, secretEnv, source } = work;
      const start = { spec: sandboxSpecToProto(spec), secretEnv: { ...secretEnv } };
      return { case: 'startSandbox', value: source === undefined ? start : { ...start, snapshot: source } };
    }
    case 'stop_sandbox':
      return { case: 'stopSandbox', value: {} };
    case 'pause_sandbox':
      return { case: 'pauseSandbox', value: {} };
    case 'resume_sandbox':
      return { case: 'resumeSandbox', value: {} };
    case 'create_snapshot':
      return { case: 'createSnapshot', value: { snapshotId: work.snapshotId, imageRef: work.imageRef } };
    case 'delete_snapshot':
      return { case: 'deleteSnapshot', value: { snapshotId: work.snapshotId } };
  }
}

/** Which attempt a message is about. @throws SandglassError `operation_not_found`, `invalid_request`. */
export function parseAttemptRef(message: { readonly operationId: string; readonly attempt: number }): AttemptRef {
  const attempt = wholeNumber('attempt', message.attempt);
  if (attempt === 0) throw malformed('attempt', 'counts from 1');
  return { operationId: parseId('operation', message.operationId), attempt };
}

/** @throws SandglassError `invalid_request`, or `not_found` reasons for malformed ids. */
export function parseAssignment(operation: Operation): Assignment {
  return {
    ...parseAttemptRef(operation),
    namespace: parseNamespace(operation.namespace),
    sandboxId: parseId('sandbox', operation.sandboxId),
    timeoutMs: wholeNumber('timeout_ms', operation.timeoutMs),
    ...parseWork(operation.instruction),
  };
}

function parseWork(instruction: Operation['instruction']): Work {
  switch (instruction.case) {
    case 'startSandbox':
      return { kind: 'start_sandbox', ...parseStart(instruction.value) };
    case 'stopSandbox':
      return { kind: 'stop_sandbox' };
    case 'pauseSandbox':
      return { kind: 'pause_sandbox' };
    case 'resumeSandbox':
      return { kind: 'resume_sandbox' };
    case 'createSnapshot': {
      const { snapshotId, imageRef } = instruction.value;
      return { kind: 'create_snapshot', snapshotId: parseId('snapshot', snapshotId), imageRef: parseImageRef(imageRef) };
    }
    case 'deleteSnapshot':
      return { kind: 'delete_snapshot', snapshotId: parseId('snapshot', instruction.value.snapshotId) };
    case undefined:
      throw malformed('instruction', 'is missing, or of a kind that this executor does not know; update it to the server’s version');
  }
}

function parseStart({ spec, secretEnv, snapshot }: StartSandbox) {
  const source: Required<SandboxSource> | undefined = snapshot && {
    snapshotId: parseId('snapshot', snapshot.snapshotId),
    imageRef: parseImageRef(snapshot.imageRef),
    digest: plainText('snapshot.digest', snapshot.digest),
  };
  return {
    spec: parseSandboxSpec(present('spec', spec)),
    secretEnv: parseEnv('secret_env', secretEnv),
    ...(source === undefined ? {} : { source }),
  };
}

function parseImageRef(imageRef: string): string {
  if (imageRef === '') throw malformed('image_ref', 'is empty');
  return boundedText('image_ref', imageRef, 1024);
}
