import fc from 'fast-check';
import { expect, test } from 'vitest';
import { anyEnv, anyId, overTheWire } from '../../test/support/rpc-arbitraries.ts';
import { type ExecCommand, openExecToProto, parseExecCommand, parseExecId } from './exec-command.ts';
import { OpenExecSchema } from './gen/sandglass/v1/executor_pb.js';

const anyCommand: fc.Arbitrary<ExecCommand> = fc.record(
  {
    sandboxId: anyId('sandbox'),
    command: fc.array(fc.string({ unit: 'grapheme' }), { minLength: 1, maxLength: 6 }),
    env: anyEnv,
    workdir: fc.string({ unit: 'grapheme', minLength: 1 }),
    user: fc.string({ unit: 'grapheme', minLength: 1 }),
  },
  { requiredKeys: ['sandboxId', 'command', 'env'] },
);

test('a command arrives as it was sent', () => {
  fc.assert(
    fc.property(anyCommand, (command) => {
      const message = overTheWire(OpenExecSchema, openExecToProto('e-1', command));
      expect(message.execId).toBe('e-1');
      expect(parseExecCommand(message)).toEqual(command);
    }),
  );
});

test.each(['', 'x'.repeat(129), 'a\nb'])('the id %j of a stream is refused', (execId) => {
  expect(() => parseExecId(execId)).toThrow(expect.objectContaining({ reason: 'invalid_request' }));
});
