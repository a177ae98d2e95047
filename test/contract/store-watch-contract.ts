import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Change, Store } from '../../src/store/store.ts';
import { StoreWorld } from '../support/store-world.ts';
import type { StoreFactory } from './store-contract.ts';

/** The part of the contract that is about `watch`. */
export function storeWatchContract(factory: StoreFactory): void {
  describe('watches', () => {
    let store: Store;
    let world: StoreWorld;
    const stop = new Set<AbortController>();

    const start = async (watchLimits?: { changes: number; bytes: number }) => {
      store = await factory.open(watchLimits === undefined ? {} : { watchLimits });
      world = new StoreWorld(store);
    };
    const watch = (prefix: string, after = store.revision()) => {
      const controller = new AbortController();
      stop.add(controller);
      return { reader: world.watch(prefix, after, controller.signal), controller };
    };

    beforeEach(() => start());

    afterEach(async () => {
      for (const controller of stop) controller.abort();
      stop.clear();
      await store.close();
    });

    test('the changes of a commit come together, commits in their order, with keys, values and revisions', async () => {
      const { reader } = watch('');
      const first = await world.put({ a: '1', b: '2' });
      const second = await store.commit({ puts: [{ key: 'c', value: Buffer.from('3') }], deletes: ['a'] });
      expect(await take(reader, 2)).toEqual([
        [`a=1@${first}`, `b=2@${first}`],
        [`c=3@${second}`, `a deleted@${second}`],
      ]);
    });

    test('only changes below the prefix are shown; commits without one are passed over', async () => {
      const { reader } = watch('a/');
      await world.put({ a: '', a0: '', 'b/1': '' });
      const revision = await world.put({ 'a/1': 'x', 'b/1': 'y', 'a/2': 'z' });
      expect(await take(reader, 1)).toEqual([[`a/1=x@${revision}`, `a/2=z@${revision}`]]);
    });

    test('a watch resumes where another one stopped, and misses and repeats nothing', async () => {
      const begin = store.revision();
      const revisions = [];
      for (let n = 0; n < 10; n++) revisions.push(await world.put({ [`k/${n}`]: `${n}` }));
      const { reader: first, controller } = watch('k/', begin);
      const seen = await take(first, 4);
      controller.abort();
      const { reader: second } = watch('k/', revisions[3]);
      seen.push(...(await take(second, 6)));
      expect(seen).toEqual(revisions.map((revision, n) => [`k/${n}=${n}@${revision}`]));
    });

    test('history and what is committed meanwhile join without a seam', async () => {
      const begin = store.revision();
      for (let n = 0; n < 20; n++) await world.put({ [`k/${n}`]: '' });
      const { reader } = watch('k/', begin);
      const head = await take(reader, 1);
      await Promise.all(Array.from({ length: 20 }, (_, n) => world.put({ [`k/${n + 20}`]: '' })));
      const tail = await take(reader, 39);
      expect([...head, ...tail].map(([change]) => change?.split('=')[0])).toEqual(Array.from({ length: 40 }, (_, n) => `k/${n}`));
    });

    test('a commit is shown before, or as soon as, it is answered', async () => {
      const { reader } = watch('a');
      const next = reader.next();
      const revision = await world.put({ a: '1' });
      expect((await next).value?.[0]?.revision).toBe(revision);
    });

    test('an aborted commit is not shown', async () => {
      const { reader } = watch('');
      await expect(store.commit({ checks: [{ key: 'a', revision: 1 }], puts: [{ key: 'b', value: Buffer.alloc(0) }] })).rejects.toThrow();
      const revision = await world.put({ c: '' });
      expect(await take(reader, 1)).toEqual([[`c=@${revision}`]]);
    });

    test('hundreds of watches each get theirs', async () => {
      const readers = Array.from({ length: 500 }, (_, n) => watch(`object/${n}/`).reader);
      const revisions = await Promise.all(readers.map((_, n) => world.put({ [`object/${n}/x`]: `${n}` })));
      for (const [n, reader] of readers.entries()) expect(await take(reader, 1)).toEqual([[`object/${n}/x=${n}@${revisions[n]}`]]);
    });

    test('a watch ends without an error when its signal aborts, while it waits and before it began', async () => {
      const { reader, controller } = watch('');
      const next = reader.next();
      controller.abort();
      expect(await next).toEqual({ done: true, value: undefined });

      const late = watch('');
      late.controller.abort();
      expect(await late.reader.next()).toEqual({ done: true, value: undefined });
    });

    test('a reader may leave at any time', async () => {
      const { reader } = watch('');
      await world.put({ a: '' });
      await reader.next();
      await reader.return?.();
      expect(await reader.next()).toEqual({ done: true, value: undefined });
      await world.put({ b: '' });
    });

    test('changes that are too long ago are compacted: the reader is told, not short-changed', async () => {
      await store.close();
      await start({ changes: 10, bytes: 1_000_000 });
      const begin = store.revision();
      const revisions = [];
      for (let n = 0; n < 20; n++) revisions.push(await world.put({ [`k/${n}`]: '' }));
      await expect(watch('k/', begin).reader.next()).rejects.toMatchObject({ reason: 'compacted' });
      expect(await take(watch('k/', revisions[9]).reader, 10)).toHaveLength(10);
    });

    test('so are changes that are too large to keep', async () => {
      await store.close();
      await start({ changes: 1000, bytes: 10_000 });
      const begin = store.revision();
      for (let n = 0; n < 4; n++) await world.put({ [`k/${n}`]: 'x'.repeat(4000) });
      await expect(watch('k/', begin).reader.next()).rejects.toMatchObject({ reason: 'compacted' });
    });

    test('a revision that has not been reached is not one to watch from: the store is another one than the reader thinks', async () => {
      await expect(watch('', store.revision() + 1).reader.next()).rejects.toMatchObject({ reason: 'compacted' });
    });

    test('a reader that falls too far behind is told so, and the others notice nothing', async () => {
      await store.close();
      await start({ changes: 10, bytes: 1_000_000 });
      const slow = watch('k/').reader;
      const quick = watch('k/').reader;
      const elsewhere = watch('other/').reader;
      const [slowFirst, quickFirst, elsewhereFirst] = [slow.next(), quick.next(), elsewhere.next()];
      for (let n = 0; n < 20; n++) {
        await world.put({ [`k/${n}`]: '' });
        if (n > 0) await quick.next();
      }
      const revision = await world.put({ 'other/1': '' });
      expect((await quickFirst).done).toBe(false);
      expect((await elsewhereFirst).value?.[0]?.revision).toBe(revision);
      expect((await slowFirst).value?.[0]?.key).toBe('k/0');
      await expect(slow.next()).rejects.toMatchObject({ reason: 'compacted' });
    });

    test('one commit of any size reaches its readers whole', async () => {
      await store.close();
      await start({ changes: 10, bytes: 1000 });
      const { reader } = watch('k/');
      await world.put(Object.fromEntries(Array.from({ length: 50 }, (_, n) => [`k/${n}`, 'x'.repeat(100)])));
      expect((await take(reader, 1))[0]).toHaveLength(50);
    });
  });
}

/** The next `count` batches, each change as text. */
async function take(reader: AsyncIterator<readonly Change[]>, count: number): Promise<string[][]> {
  const batches: string[][] = [];
  while (batches.length < count) {
    const { done, value } = await reader.next();
    if (done) break;
    batches.push((value as readonly Change[]).map(show));
  }
  return batches;
}

function show({ key, value, revision }: Change): string {
  return value === undefined ? `${key} deleted@${revision}` : `${key}=${Buffer.from(value).toString()}@${revision}`;
}
