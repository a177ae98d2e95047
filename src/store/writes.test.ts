import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ELSEWHERE, HERE, idOf, NAMESPACE, newSandbox, newSnapshot, T0 } from '../../test/support/lifecycle-world.ts';
import type { PendingOperation } from '../model/operation.ts';
import type { Sandbox } from '../model/sandbox.ts';
import type { Snapshot } from '../model/snapshot.ts';
import { MemoryStore } from './memory-store.ts';
import { operationRecord, sandboxRecord, snapshotRecord } from './records.ts';
import { WriteSet, writeSandbox, writeSnapshot } from './writes.ts';

const SB = idOf('sandbox', 1);
const SNAP = idOf('snapshot', 1);
const OP = idOf('operation', 1);
const operation: PendingOperation = { operationId: OP, kind: 'create_snapshot', executorId: HERE, attempt: 1, deadlineAt: T0 + 5 };

test('a snapshot is found by its status, sandbox, name, labels, executors, deadline and expiry', async () => {
  const creating = newSnapshot({ operation, labels: { team: 'ops', tier: 'a/b' } });
  expect(await keysAfter(writeSnapshot, [creating])).toEqual([
    `due/${String(T0 + 5).padStart(14, '0')}/snap/default/${SNAP}`,
    `op/${HERE}/${OP}`,
    `snap/default/${SNAP}`,
    `x/snap-exec/${HERE}/${SNAP}/default`,
    `x/snap/default/label/team=ops/${SNAP}`,
    `x/snap/default/label/tier=a%2Fb/${SNAP}`,
    `x/snap/default/name/before-upgrade/${SNAP}`,
    `x/snap/default/sandbox/${SB}/${SNAP}`,
    `x/snap/default/status/creating/${SNAP}`,
  ]);

  const { operation: _done, ...rest } = creating;
  const active: Snapshot = { ...rest, status: 'active', labels: {}, expiresAt: T0 + 9, availableOn: [ELSEWHERE, HERE] };
  expect(await keysAfter(writeSnapshot, [creating, active])).toEqual([
    `expiry/${String(T0 + 9).padStart(14, '0')}/snap/default/${SNAP}`,
    `snap/default/${SNAP}`,
    `x/snap-exec/${HERE}/${SNAP}/default`,
    `x/snap-exec/${ELSEWHERE}/${SNAP}/default`,
    `x/snap/default/name/before-upgrade/${SNAP}`,
    `x/snap/default/sandbox/${SB}/${SNAP}`,
    `x/snap/default/status/active/${SNAP}`,
  ]);
});

test('a sandbox is found by its status, labels, executor, deadline, and the time of its end', async () => {
  const running = newSandbox({ status: 'running', executorId: HERE, expiresAt: T0 + 7 });
  expect(await keysAfter(writeSandbox, [running])).toEqual([
    `due/${String(T0 + 7).padStart(14, '0')}/sb/default/${SB}`,
    `sb/default/${SB}`,
    `x/sb-exec/${HERE}/${SB}/default`,
    `x/sb/default/label/team=ops/${SB}`,
    `x/sb/default/status/running/${SB}`,
  ]);
  expect(await keysAfter(writeSandbox, [running, { ...running, status: 'terminated', terminatedAt: T0 + 8 }])).toEqual([
    `ended/${String(T0 + 8).padStart(14, '0')}/sb/default/${SB}`,
    `sb/default/${SB}`,
    `x/sb/default/label/team=ops/${SB}`,
    `x/sb/default/status/terminated/${SB}`,
  ]);
});

test('an operation record tells the executor what to do, and to what', async () => {
  const store = new MemoryStore();
  await change(store, writeSnapshot, undefined, newSnapshot({ operation }));
  const entry = await store.get(`op/${HERE}/${OP}`);
  expect(entry && operationRecord.decode(entry.value)).toEqual({
    id: OP,
    kind: 'create_snapshot',
    executorId: HERE,
    namespace: NAMESPACE,
    sandboxId: SB,
    snapshotId: SNAP,
    attempt: 1,
    deadlineAt: T0 + 5,
  });
});

test('the secrets of a sandbox go with its end', async () => {
  const store = new MemoryStore();
  await store.commit({ puts: [{ key: `secret/${SB}`, value: Buffer.from('s') }] });
  const running = newSandbox({ status: 'running' });
  await change(store, writeSandbox, undefined, running);
  expect(await store.get(`secret/${SB}`)).toBeDefined();
  await change(store, writeSandbox, running, { ...running, status: 'terminated', terminatedAt: T0 });
  expect(await store.get(`secret/${SB}`)).toBeUndefined();
});

test('a change that leaves the indexes as they are writes the record alone', () => {
  const before = newSnapshot({ operation });
  const writes = new WriteSet();
  writeSnapshot(writes, before, { ...before, progress: { phase: 'capturing', bytesDone: 1 } });
  const { puts, deletes } = writes.toRequest();
  expect(puts?.map(({ key }) => key)).toEqual([`snap/default/${SNAP}`]);
  expect(deletes).toEqual([]);
});

test('the last write of a key counts', () => {
  const writes = new WriteSet().put('a').delete('a').delete('b').put('b', Buffer.from('1')).check('c', 3);
  expect(writes.toRequest()).toEqual({
    checks: [{ key: 'c', revision: 3 }],
    puts: [{ key: 'b', value: Buffer.from('1') }],
    deletes: ['a'],
  });
});

test('after any changes of a snapshot, the store holds what its last state alone would bring, and nothing else', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.option(anySnapshot, { nil: undefined }), { minLength: 1, maxLength: 8 }), (states) =>
      holds(writeSnapshot, states),
    ),
  );
});

test('after any changes of a sandbox likewise', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.option(anySandbox, { nil: undefined }), { minLength: 1, maxLength: 8 }), (states) =>
      holds(writeSandbox, states),
    ),
  );
});

type WriteChange<T> = (writes: WriteSet, before: T | undefined, after: T | undefined) => void;

async function change<T>(store: MemoryStore, write: WriteChange<T>, before: T | undefined, after: T | undefined): Promise<void> {
  const writes = new WriteSet();
  write(writes, before, after);
  await store.commit(writes.toRequest());
}

async function keysAfter<T>(write: WriteChange<T>, states: readonly (T | undefined)[]): Promise<string[]> {
  const store = new MemoryStore();
  let before: T | undefined;
  for (const after of states) {
    if (before !== undefined || after !== undefined) await change(store, write, before, after);
    before = after;
  }
  return (await store.scan({ prefix: '', limit: 1000 })).map(({ key }) => key);
}

async function holds<T extends Snapshot | Sandbox>(write: WriteChange<T>, states: readonly (T | undefined)[]): Promise<void> {
  const found = await keysAfter(write, states);
  const last = states.at(-1);
  expect(found).toEqual(await keysAfter(write, [last]));
  const operations = found.filter((key) => key.startsWith('op/'));
  expect(operations).toEqual(last?.operation === undefined ? [] : [`op/${last.operation.executorId}/${last.operation.operationId}`]);
  if (last === undefined) expect(found).toEqual([]);
}

const time = fc.integer({ min: T0, max: T0 + 3 });
const executorId = fc.constantFrom(HERE, ELSEWHERE);
const labels = fc.dictionary(fc.constantFrom('a', 'b/c', 'd'), fc.constantFrom('', 'x', 'y/z', '界'), { maxKeys: 3 });
/** An operation id belongs to one executor for ever, as ids do. */
const pending = fc
  .record({ n: fc.integer({ min: 1, max: 3 }), attempt: fc.integer({ min: 1, max: 3 }), deadlineAt: time })
  .map(({ n, attempt, deadlineAt }): PendingOperation => {
    return { operationId: idOf('operation', n), kind: 'create_snapshot', executorId: n === 1 ? HERE : ELSEWHERE, attempt, deadlineAt };
  });

/** States need not follow from one another: the indexes must not depend on it. */
const anySnapshot: fc.Arbitrary<Snapshot> = fc
  .record(
    {
      status: fc.constantFrom('creating', 'uploading', 'active', 'failed', 'deleting'),
      executorId,
      labels,
      name: fc.constantFrom('n', 'm:1'),
      availableOn: fc.uniqueArray(executorId),
      expiresAt: time,
      nextAttemptAt: time,
      operation: pending,
    },
    { requiredKeys: ['status', 'executorId', 'labels', 'availableOn'] },
  )
  .map((fields) => {
    const { name: _name, expiresAt: _expiresAt, ...bare } = newSnapshot();
    return { ...bare, ...fields } as Snapshot;
  });

const anySandbox: fc.Arbitrary<Sandbox> = fc
  .record(
    {
      status: fc.constantFrom('pending', 'starting', 'running', 'paused', 'stopping', 'terminated'),
      labels,
      executorId,
      expiresAt: time,
      nextAttemptAt: time,
      terminatedAt: time,
      operation: pending,
    },
    { requiredKeys: ['status', 'labels'] },
  )
  .map((fields) => ({ ...newSandbox(), ...fields }) as Sandbox);

test('records keep every field of every state', () => {
  fc.assert(
    fc.property(anySnapshot, anySandbox, (snapshot, sandbox) => {
      expect(snapshotRecord.decode(snapshotRecord.encode(snapshot))).toEqual(snapshot);
      expect(sandboxRecord.decode(sandboxRecord.encode(sandbox))).toEqual(sandbox);
    }),
  );
});
