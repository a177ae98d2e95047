import { create, type DescMessage, fromBinary, type MessageShape, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { type Ids, idFromHex, type Namespace } from '../../src/model/ids.ts';
import type { Instruction, Work } from '../../src/model/instruction.ts';
import type { SandboxSpec } from '../../src/model/sandbox.ts';

/** A message as the other side gets it. */
export function overTheWire<D extends DescMessage>(schema: D, message: MessageShape<D>): MessageShape<D> {
  return fromBinary(schema, toBinary(schema, message));
}

/** The message with some of its fields overwritten, as a hostile sender would. */
export function tampered<D extends DescMessage>(schema: D, message: MessageShape<D>, fields: object): MessageShape<D> {
  return Object.assign(create(schema), message, fields);
}

export function anyId<K extends keyof Ids>(kind: K): fc.Arbitrary<Ids[K]> {
  return fc.stringMatching(/^[0-9a-f]{32}$/).map((hex) => idFromHex(kind, hex));
}

export const anyCount = fc.nat(Number.MAX_SAFE_INTEGER);
export const anyAttempt = fc.integer({ min: 1, max: 1000 });
export const anyPlainText = fc.string({ unit: 'grapheme', maxLength: 40 }).filter((text) => !/\p{Cc}/u.test(text) && text.length <= 60);
const anyText = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 });
/** Names of variables and labels. `__proto__` can't be one: a map of protobuf-es does not hold it. */
const anyName = fc.stringMatching(/^[A-Za-z][A-Za-z0-9_]{0,20}$/);
export const anyEnv = fc.dictionary(anyName, fc.string({ unit: 'grapheme', maxLength: 60 }), { noNullPrototype: true, maxKeys: 5 });
export const anyDigest = fc.stringMatching(/^[0-9a-f]{64}$/).map((hex) => `sha256:${hex}`);

/** A specification as it reaches an executor: without what only the server acts upon. */
export const anySpec: fc.Arbitrary<SandboxSpec> = fc
  .record(
    {
      image: anyText,
      cpus: fc.double({ min: 0.01, max: 1024, noNaN: true }),
      memoryMb: fc.integer({ min: 1, max: 1_000_000 }),
      diskMb: fc.integer({ min: 1, max: 1_000_000 }),
      env: anyEnv,
      entrypoint: fc.array(fc.string({ unit: 'grapheme' }), { minLength: 1, maxLength: 4 }),
      workdir: anyText,
      user: anyText,
      runtime: anyText,
      allowInternetAccess: fc.boolean(),
    },
    { requiredKeys: ['image', 'cpus', 'memoryMb', 'env', 'allowInternetAccess'] },
  )
  .map(({ cpus, memoryMb, diskMb, allowInternetAccess, ...rest }) => ({
    ...rest,
    resources: { cpus, memoryMb, ...(diskMb === undefined ? {} : { diskMb }) },
    secretNames: [],
    timeoutSecs: 0,
    onTimeout: 'terminate',
    network: { allowInternetAccess },
    exposedPorts: [],
  }));

const anySource = fc.record({ snapshotId: anyId('snapshot'), imageRef: anyText, digest: anyDigest });

const anyWork: fc.Arbitrary<Work> = fc.oneof(
  fc.record(
    { kind: fc.constant('start_sandbox' as const), spec: anySpec, secretEnv: anyEnv, source: anySource },
    { requiredKeys: ['kind', 'spec', 'secretEnv'] },
  ),
  fc.record({ kind: fc.constantFrom('stop_sandbox' as const, 'pause_sandbox' as const, 'resume_sandbox' as const) }),
  fc.record({ kind: fc.constant('create_snapshot' as const), snapshotId: anyId('snapshot'), imageRef: anyText }),
  fc.record({ kind: fc.constant('delete_snapshot' as const), snapshotId: anyId('snapshot') }),
) as fc.Arbitrary<Work>;

export const anyInstruction: fc.Arbitrary<Instruction> = fc
  .record({
    id: anyId('operation'),
    executorId: anyId('executor'),
    namespace: fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?$/).map((name) => name as Namespace),
    sandboxId: anyId('sandbox'),
    attempt: anyAttempt,
    deadlineAt: anyCount,
    timeoutMs: anyCount,
    work: anyWork,
  })
  .map(({ work, ...rest }) => ({ ...rest, ...work }));
