import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { anyCount, anyId, overTheWire } from '../../test/support/rpc-arbitraries.ts';
import { idFromHex } from '../model/ids.ts';
import { OpenTunnelSchema } from './gen/sandglass/v1/executor_pb.js';
import { openTunnelToProto, parseTunnelId, parseTunnelTarget, type TunnelTarget } from './tunnel-target.ts';

const anyTarget: fc.Arbitrary<TunnelTarget> = fc.oneof(
  fc.record({ kind: fc.constantFrom('guest' as const, 'metrics' as const), sandboxId: anyId('sandbox') }),
  fc.record({
    kind: fc.constant('logs' as const),
    request: fc.record(
      { sandboxId: anyId('sandbox'), follow: fc.boolean(), tail: anyCount, since: anyCount },
      { requiredKeys: ['sandboxId', 'follow'] },
    ),
  }),
);

test('what a tunnel leads to arrives as it was sent', () => {
  fc.assert(
    fc.property(anyTarget, (target) => {
      const message = overTheWire(OpenTunnelSchema, openTunnelToProto('t-1', target));
      expect(message.tunnelId).toBe('t-1');
      expect(parseTunnelTarget(message)).toEqual(target);
    }),
  );
});

describe('refused are', () => {
  const logs = { sandboxId: idFromHex('sandbox', 'a'.repeat(32)), follow: false };
  test.each([
    ['no target', { case: undefined }, 'invalid_request'],
    ['a sandbox id that is none', { case: 'guest', value: { sandboxId: 'sb-1' } }, 'sandbox_not_found'],
    ['a negative tail', { case: 'logs', value: { ...logs, tail: -1n } }, 'invalid_request'],
    ['a time before 1970', { case: 'logs', value: { ...logs, sinceMs: -1n } }, 'invalid_request'],
    ['a tail beyond all numbers', { case: 'logs', value: { ...logs, tail: 2n ** 62n } }, 'invalid_request'],
  ] as const)('%s', (_name, target, reason) => {
    expect(() => parseTunnelTarget({ target } as never)).toThrow(expect.objectContaining({ reason }));
  });

  test.each(['', 'x'.repeat(129), 'a\nb'])('the id %j', (tunnelId) => {
    expect(() => parseTunnelId(tunnelId)).toThrow(expect.objectContaining({ reason: 'invalid_request' }));
  });
});
