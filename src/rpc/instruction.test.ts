import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { anyInstruction, overTheWire, tampered } from '../../test/support/rpc-arbitraries.ts';
import { OperationSchema } from './gen/sandglass/v1/executor_pb.js';
import { instructionToProto, parseAssignment } from './instruction.ts';

describe('an instruction', () => {
  test('arrives as it was sent, less what only the server needs', () => {
    fc.assert(
      fc.property(anyInstruction, (instruction) => {
        const { id: operationId, executorId: _to, deadlineAt: _at, ...rest } = instruction;
        expect(parseAssignment(overTheWire(OperationSchema, instructionToProto(instruction)))).toEqual({ operationId, ...rest });
      }),
    );
  });

  test.each([
    ['a malformed operation id', { operationId: 'op-1' }, 'operation_not_found'],
    ['attempt 0', { attempt: 0 }, 'invalid_request'],
    ['a negative attempt', { attempt: -1 }, 'invalid_request'],
    ['a malformed sandbox id', { sandboxId: '../sb' }, 'sandbox_not_found'],
    ['a malformed namespace', { namespace: 'A/B' }, 'invalid_namespace'],
    ['a negative timeout', { timeoutMs: -1n }, 'invalid_request'],
    ['a timeout beyond all numbers', { timeoutMs: 2n ** 62n }, 'invalid_request'],
    ['an unknown kind', { instruction: { case: undefined } }, 'invalid_request'],
    ['a start without a specification', { instruction: { case: 'startSandbox', value: { secretEnv: {} } } }, 'invalid_request'],
    ['a malformed snapshot id', { instruction: { case: 'deleteSnapshot', value: { snapshotId: 'x' } } }, 'snapshot_not_found'],
  ])('with %s is refused', (_name, fields, reason) => {
    fc.assert(
      fc.property(anyInstruction, (instruction) => {
        const message = tampered(OperationSchema, instructionToProto(instruction), fields);
        expect(() => parseAssignment(message)).toThrow(expect.objectContaining({ reason }));
      }),
      { numRuns: 5 },
    );
  });
});
