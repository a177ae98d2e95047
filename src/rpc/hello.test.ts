import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { anyCount, anyDigest, anyId, anyPlainText, overTheWire, tampered } from '../../test/support/rpc-arbitraries.ts';
import { HelloSchema } from './gen/sandglass/v1/executor_pb.js';
import { exitCodeToProto, helloToProto, type Introduction, parseHello } from './hello.ts';

const anyIntroduction: fc.Arbitrary<Introduction> = fc.record({
  executorId: anyId('executor'),
  info: fc.record({
    hostname: anyPlainText,
    version: anyPlainText,
    labels: fc.dictionary(fc.stringMatching(/^[A-Za-z][A-Za-z0-9./-]{0,20}$/), anyPlainText, { noNullPrototype: true, maxKeys: 5 }),
    capacity: fc.record({
      cpus: fc.double({ min: 0.01, max: 4096, noNaN: true }),
      memoryMb: anyCount,
      maxSandboxes: fc.nat(),
    }),
    runtimes: fc.array(anyPlainText, { maxLength: 5 }),
    engine: anyPlainText,
    limitsDisk: fc.boolean(),
  }),
  inventory: fc.record({
    sandboxes: fc.array(
      fc.record({
        sandboxId: anyId('sandbox'),
        clusterId: anyPlainText,
        state: fc.constantFrom('running' as const, 'paused' as const, 'exited' as const),
        exitCode: fc.nat(),
        oomKilled: fc.boolean(),
      }),
    ),
    snapshots: fc.array(fc.record({ snapshotId: anyId('snapshot'), clusterId: anyPlainText, digest: anyDigest })),
  }),
});

describe('hello', () => {
  test('arrives as it was sent', () => {
    fc.assert(
      fc.property(anyIntroduction, (introduction) => {
        expect(parseHello(overTheWire(HelloSchema, helloToProto(introduction)))).toEqual(introduction);
      }),
    );
  });

  test.each([
    ['a malformed executor id', { executorId: 'exec-1' }, 'executor_not_found'],
    ['no capacity', { capacity: undefined }, 'invalid_request'],
    ['no CPUs', { capacity: { cpus: 0, memoryMb: 1n, maxSandboxes: 1 } }, 'invalid_request'],
    ['infinite CPUs', { capacity: { cpus: Number.POSITIVE_INFINITY, memoryMb: 1n, maxSandboxes: 1 } }, 'invalid_request'],
    ['negative memory', { capacity: { cpus: 1, memoryMb: -1n, maxSandboxes: 1 } }, 'invalid_request'],
    ['a name of escape sequences', { hostname: '\u001b]0;x\u0007' }, 'invalid_request'],
    ['too many labels', { labels: Object.fromEntries(Array.from({ length: 65 }, (_, n) => [`l${n}`, 'x'])) }, 'invalid_request'],
    ['a sandbox in no state', { sandboxes: [{ sandboxId: `sb-${'0'.repeat(32)}`, clusterId: 'c', state: 0 }] }, 'invalid_request'],
    ['a malformed snapshot id', { snapshots: [{ snapshotId: 'snap', clusterId: 'c', digest: 'd' }] }, 'snapshot_not_found'],
  ])('with %s is refused', (_name, fields, reason) => {
    const [introduction] = fc.sample(anyIntroduction, 1) as [Introduction];
    const message = tampered(HelloSchema, helloToProto(introduction), fields);
    expect(() => parseHello(message)).toThrow(expect.objectContaining({ reason }));
  });
});

test.each([
  [0, 0],
  [137, 137],
  [-1, 255],
  [1.5, 255],
  [4_294_967_295, 255],
])('the exit status %s is sent as %s', (exitCode, sent) => {
  expect(exitCodeToProto(exitCode)).toBe(sent);
});
