import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { idOf, NAMESPACE, newSandbox, newSnapshot } from '../../../test/support/lifecycle-world.ts';
import { parseNamespace } from '../../model/ids.ts';
import type { Snapshot } from '../../model/snapshot.ts';
import { MemoryStore } from '../../store/memory-store.ts';
import { WriteSet, writeSandbox, writeSnapshot } from '../../store/writes.ts';
import type { Page, SnapshotFilter } from '../requests.ts';
import { listSandboxes, listSnapshots } from './list.ts';

async function storeOf(snapshots: readonly Snapshot[]): Promise<MemoryStore> {
  const store = new MemoryStore();
  for (const snapshot of snapshots) {
    const writes = new WriteSet();
    writeSnapshot(writes, undefined, snapshot);
    await store.commit(writes.toRequest());
  }
  return store;
}

/** All pages, one after the other. */
async function all<T>(page: (cursor: string | undefined) => Promise<Page<T>>): Promise<{ items: T[]; pages: number }> {
  const items: T[] = [];
  let cursor: string | undefined;
  for (let pages = 1; ; pages++) {
    const { items: some, nextCursor } = await page(cursor);
    items.push(...some);
    if (nextCursor === undefined) return { items, pages };
    cursor = nextCursor;
  }
}

const anySnapshot = fc.record({
  status: fc.constantFrom('creating', 'active', 'failed', 'deleting'),
  name: fc.constantFrom('a', 'a/b', 'é', undefined),
  labels: fc.constantFrom({}, { team: 'ops' }, { team: 'dev', 'a/b': 'x=y' }),
  sandboxId: fc.constantFrom(idOf('sandbox', 1), idOf('sandbox', 2)),
});
const anyFilter = fc.record(
  {
    status: fc.constantFrom('creating', 'active', 'failed', 'deleting'),
    name: fc.constantFrom('a', 'a/b', 'é', 'none'),
    label: fc.constantFrom(
      [{ key: 'team', value: 'ops' }],
      [
        { key: 'a/b', value: 'x=y' },
        { key: 'team', value: 'dev' },
      ],
      [{ key: 'team', value: 'none' }],
    ),
    sandboxId: fc.constantFrom(idOf('sandbox', 1), idOf('sandbox', 2)),
  },
  { requiredKeys: [] },
);

describe('listing snapshots', () => {
  it('answers, over all pages, exactly those that match every condition, newest first', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(anySnapshot, { maxLength: 40 }),
        anyFilter,
        fc.integer({ min: 1, max: 10 }),
        async (shapes, filter, limit) => {
          const snapshots = shapes.map(({ name, ...shape }, i) => {
            const { name: _default, ...base } = newSnapshot({ ...(shape as Partial<Snapshot>), id: idOf('snapshot', i + 1) });
            return { ...base, ...(name === undefined ? {} : { name }) } as Snapshot;
          });
          const store = await storeOf(snapshots);
          // Its sandboxes exist, so that an empty list is an answer.
          for (const n of [1, 2]) {
            const writes = new WriteSet();
            writeSandbox(writes, undefined, newSandbox({ id: idOf('sandbox', n) }));
            await store.commit(writes.toRequest());
          }
          const expected = snapshots
            .filter((one) => (filter.status ?? one.status) === one.status && (filter.name ?? one.name) === one.name)
            .filter((one) => (filter.sandboxId ?? one.sandboxId) === one.sandboxId)
            .filter((one) => (filter.label ?? []).every(({ key, value }) => (one.labels as Record<string, string>)[key] === value))
            .map(({ id }) => id)
            .toReversed();
          const found = await all((cursor) =>
            listSnapshots(store, NAMESPACE, filter as SnapshotFilter, { limit, ...(cursor === undefined ? {} : { cursor }) }),
          );
          expect(found.items.map(({ id }) => id)).toEqual(expected);
        },
      ),
    );
  });

  it('finds a rare match behind many others, a page at a time', async () => {
    const snapshots = Array.from({ length: 500 }, (_, i) =>
      newSnapshot({ id: idOf('snapshot', i + 1), name: 'same', labels: i === 3 ? { rare: 'yes' } : {} }),
    );
    const store = await storeOf(snapshots);
    const filter = { name: 'same', label: [{ key: 'rare', value: 'yes' }] };
    const found = await all((cursor) => listSnapshots(store, NAMESPACE, filter, { limit: 1, ...(cursor === undefined ? {} : { cursor }) }));
    expect(found.items.map(({ id }) => id)).toEqual([idOf('snapshot', 4)]);
    expect(found.pages).toBeGreaterThan(1);
  });

  it('answers for a sandbox that is forgotten as long as there are snapshots of it, and 404 otherwise', async () => {
    const store = await storeOf([newSnapshot({ sandboxId: idOf('sandbox', 7) })]);
    expect((await listSnapshots(store, NAMESPACE, { sandboxId: idOf('sandbox', 7) }, { limit: 10 })).items).toHaveLength(1);
    await expect(listSnapshots(store, NAMESPACE, { sandboxId: idOf('sandbox', 8) }, { limit: 10 })).rejects.toMatchObject({
      reason: 'sandbox_not_found',
    });
  });

  it.each(['nonsense', '', Buffer.from('../../etc').toString('base64url'), Buffer.from(`sb-${'0'.repeat(32)}`).toString('base64url')])(
    'refuses the cursor %j',
    async (cursor) => {
      const store = await storeOf([]);
      await expect(listSnapshots(store, NAMESPACE, {}, { limit: 10, cursor })).rejects.toMatchObject({ reason: 'invalid_cursor' });
    },
  );
});

it('lists the sandboxes of one namespace only', async () => {
  const store = new MemoryStore();
  const other = parseNamespace('default-2');
  for (const [n, namespace] of [NAMESPACE, other, NAMESPACE].entries()) {
    const writes = new WriteSet();
    writeSandbox(writes, undefined, newSandbox({ id: idOf('sandbox', n + 1), namespace }));
    await store.commit(writes.toRequest());
  }
  const { items } = await listSandboxes(store, NAMESPACE, { status: 'pending', label: [{ key: 'team', value: 'ops' }] }, { limit: 10 });
  expect(items.map(({ id }) => id)).toEqual([idOf('sandbox', 3), idOf('sandbox', 1)]);
});
