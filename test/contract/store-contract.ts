import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { BacklogLimits } from '../../src/store/backlog.ts';
import type { Change, Entry, Store } from '../../src/store/store.ts';
import { StoreWorld } from '../support/store-world.ts';
import { storeModelContract } from './store-model-contract.ts';
import { storeWatchContract } from './store-watch-contract.ts';

/** A way to make a store: each call a new, empty one. */
export interface StoreFactory {
  readonly name: string;
  open(options: { readonly watchLimits?: BacklogLimits }): Promise<Store>;
}

/** What every adapter of the port must do. */
export function storeContract(factory: StoreFactory): void {
  describe(factory.name, () => {
    let world: StoreWorld;
    let store: Store;

    beforeEach(async () => {
      store = await factory.open({});
      world = new StoreWorld(store);
    });

    afterEach(async () => {
      await store.close();
    });

    describe('reads', () => {
      test('an entry carries its key, its bytes and the revision of the commit that last wrote it', async () => {
        await world.put({ a: 'old' });
        const revision = await world.put({ a: 'new', b: '' });
        await world.put({ c: 'later' });
        expect(await world.show('a')).toEqual({ key: 'a', text: 'new', revision });
        expect(await world.show('b')).toEqual({ key: 'b', text: '', revision });
      });

      test('there is nothing under a key that was never written, or was deleted', async () => {
        await world.put({ a: '1' });
        await store.commit({ deletes: ['a'] });
        expect(await store.get('a')).toBeUndefined();
        expect(await store.get('b')).toBeUndefined();
      });

      test('getMany answers in the order of its keys, with gaps and repetitions', async () => {
        await world.put({ a: '1', b: '2' });
        const entries = await store.getMany(['b', 'none', 'a', 'b']);
        expect(entries.map((entry) => entry?.key)).toEqual(['b', undefined, 'a', 'b']);
        expect(await store.getMany([])).toEqual([]);
      });

      test('a value of 4 MiB comes back as it was', async () => {
        const value = Buffer.alloc(4 * 1024 * 1024, 'sandglass');
        await store.commit({ puts: [{ key: 'large', value }] });
        expect(value.equals((await store.get('large'))?.value ?? EMPTY)).toBe(true);
      });

      test('every byte and every character that may be stored comes back as it was', async () => {
        const key = Array.from({ length: 0x7f - 0x20 }, (_, index) => String.fromCharCode(0x20 + index)).join('');
        const value = Uint8Array.from({ length: 256 }, (_, index) => index);
        await store.commit({ puts: [{ key, value }] });
        const [entry] = await store.scan({ prefix: '', limit: 10 });
        expect({ key: entry?.key, value: [...(entry?.value ?? [])] }).toEqual({ key, value: [...value] });
      });

      test('what is stored is what the value was when it was handed over', async () => {
        const value = Buffer.from('before');
        const commit = store.commit({ puts: [{ key: 'a', value }] });
        value.write('after!');
        await commit;
        expect((await world.show('a'))?.text).toBe('before');
      });
    });

    describe('scans', () => {
      beforeEach(async () => {
        await world.put({ 'a/1': '', 'a/2': '', 'a/3': '', 'a/5': '', a0: '', a: '', 'b/1': '', 'A/1': '' });
      });

      const cases: [string, Parameters<Store['scan']>[0], string[]][] = [
        ['everything in byte order', { prefix: '', limit: 100 }, ['A/1', 'a', 'a/1', 'a/2', 'a/3', 'a/5', 'a0', 'b/1']],
        ['a prefix, and none of its neighbours', { prefix: 'a/', limit: 100 }, ['a/1', 'a/2', 'a/3', 'a/5']],
        ['a prefix that is itself a key', { prefix: 'a', limit: 100 }, ['a', 'a/1', 'a/2', 'a/3', 'a/5', 'a0']],
        ['in reverse', { prefix: 'a/', limit: 100, reverse: true }, ['a/5', 'a/3', 'a/2', 'a/1']],
        ['the first two', { prefix: 'a/', limit: 2 }, ['a/1', 'a/2']],
        ['the last two', { prefix: 'a/', limit: 2, reverse: true }, ['a/5', 'a/3']],
        ['after a key', { prefix: 'a/', after: 'a/2', limit: 100 }, ['a/3', 'a/5']],
        ['after a key that is not there', { prefix: 'a/', after: 'a/4', limit: 100 }, ['a/5']],
        ['after a key in reverse', { prefix: 'a/', after: 'a/3', limit: 100, reverse: true }, ['a/2', 'a/1']],
        ['after a key that is not there, in reverse', { prefix: 'a/', after: 'a/4', limit: 1, reverse: true }, ['a/3']],
        ['before a key', { prefix: 'a/', before: 'a/3', limit: 100 }, ['a/1', 'a/2']],
        ['before a key in reverse', { prefix: 'a/', before: 'a/3', limit: 100, reverse: true }, ['a/2', 'a/1']],
        ['between two keys', { prefix: 'a/', after: 'a/1', before: 'a/5', limit: 100 }, ['a/2', 'a/3']],
        ['below both bounds in reverse', { prefix: 'a/', after: 'a/5', before: 'a/3', limit: 100, reverse: true }, ['a/2', 'a/1']],
        ['between bounds that cross', { prefix: 'a/', after: 'a/5', before: 'a/1', limit: 100 }, []],
        ['a prefix without keys', { prefix: 'c/', limit: 100 }, []],
        ['after the last key', { prefix: 'b/', after: 'b/1', limit: 100 }, []],
        ['before the first key', { prefix: 'a/', before: 'a/1', limit: 100, reverse: true }, []],
      ];

      test.each(cases)('%s', async (_name, request, keys) => {
        expect((await store.scan(request)).map(({ key }) => key)).toEqual(keys);
      });

      test('keysOnly leaves out the values, and nothing else', async () => {
        const revision = await world.put({ 'k/1': 'one', 'k/2': 'two' });
        expect(await store.scan({ prefix: 'k/', limit: 10, keysOnly: true })).toEqual([
          { key: 'k/1', value: EMPTY, revision },
          { key: 'k/2', value: EMPTY, revision },
        ]);
      });

      test('long scans are complete and in order, in both directions, in one go and page by page', async () => {
        const keys = Array.from({ length: 3000 }, (_, index) => `long/${String(index).padStart(5, '0')}`);
        await world.put(Object.fromEntries(keys.map((key) => [key, key])));
        for (const reverse of [false, true]) {
          const expected = reverse ? keys.toReversed() : keys;
          const whole = await store.scan({ prefix: 'long/', limit: 5000, reverse });
          expect(whole.map(({ key }) => key)).toEqual(expected);
          expect(whole.every(({ key, value }) => Buffer.from(value).toString() === key)).toBe(true);
          expect(await world.pages('long/', 250, reverse)).toEqual(expected);
        }
      });

      test('a scan shows one moment: never half of a commit', async () => {
        const stop = { now: false };
        const writing = (async () => {
          for (let n = 0; !stop.now; n++) await world.put({ 'pair/a': `${n}`, 'pair/z': `${n}` });
        })();
        for (let n = 0; n < 50; n++) {
          const scanned = await store.scan({ prefix: 'pair/', limit: 10 });
          const got = await store.getMany(['pair/z', 'pair/a']);
          for (const [one, other] of [scanned, got]) expect(one && text(one)).toBe(other && text(other));
        }
        stop.now = true;
        await writing;
      });
    });

    describe('commits', () => {
      test('revisions grow with every commit, in the order of calls', async () => {
        const before = store.revision();
        const revisions = await Promise.all(Array.from({ length: 100 }, (_, n) => world.put({ [`k/${n}`]: '' })));
        expect(revisions).toEqual([...new Set(revisions)].sort((a, b) => a - b));
        expect(revisions[0]).toBeGreaterThan(before);
        expect(store.revision()).toBe(revisions.at(-1));
      });

      test('a commit whose check fails changes nothing', async () => {
        const revision = await world.put({ a: '1' });
        const request = {
          checks: [
            { key: 'a', revision },
            { key: 'b', revision: 1 },
          ],
          puts: [put('a', '2'), put('c', '3')],
          deletes: ['b'],
        };
        await expect(store.commit(request)).rejects.toMatchObject({ reason: 'aborted' });
        expect(await world.dump()).toEqual({ a: '1' });
        expect(store.revision()).toBe(revision);
      });

      test('a check holds at the revision of the last write, and at no other', async () => {
        const first = await world.put({ a: '1' });
        const second = await world.put({ a: '2' });
        for (const revision of [undefined, first, second + 1]) {
          await expect(store.commit({ checks: [{ key: 'a', revision }], puts: [put('a', 'no')] })).rejects.toMatchObject({
            reason: 'aborted',
          });
        }
        await store.commit({ checks: [{ key: 'a', revision: second }], puts: [put('a', '3')] });
        expect(await world.dump()).toEqual({ a: '3' });
      });

      test('a check of absence holds before the first write and after a deletion', async () => {
        const create = { checks: [{ key: 'a', revision: undefined }], puts: [put('a', '1')] };
        await store.commit(create);
        await expect(store.commit(create)).rejects.toMatchObject({ reason: 'aborted' });
        await store.commit({ deletes: ['a'] });
        await store.commit(create);
      });

      test('without writes, it answers whether its checks hold', async () => {
        const revision = await world.put({ a: '1' });
        expect(await store.commit({ checks: [{ key: 'a', revision }] })).toBe(revision);
        expect(await store.commit({})).toBe(revision);
        await expect(store.commit({ checks: [{ key: 'a', revision: undefined }] })).rejects.toMatchObject({ reason: 'aborted' });
      });

      test('deleting what is not there is allowed', async () => {
        const revision = await store.commit({ deletes: ['none'] });
        expect(revision).toBe(store.revision());
      });

      test('of commits that exclude one another exactly one takes place, also when they arrive together', async () => {
        const attempts = Array.from({ length: 20 }, (_, n) =>
          store.commit({ checks: [{ key: 'lock', revision: undefined }], puts: [put('lock', `${n}`), put(`won/${n}`, '')] }),
        );
        const outcomes = await Promise.allSettled(attempts);
        expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
        expect(await world.pages('won/', 100)).toHaveLength(1);
      });

      test('commits that arrive together are decided in their order, each on top of those before', async () => {
        const outcomes = await Promise.allSettled([
          store.commit({ checks: [{ key: 'a', revision: undefined }], puts: [put('a', 'first')] }),
          store.commit({ checks: [{ key: 'a', revision: undefined }], puts: [put('a', 'refused')] }),
          store.commit({ deletes: ['a'] }),
          store.commit({ checks: [{ key: 'a', revision: undefined }], puts: [put('a', 'second')] }),
          store.commit({ puts: [put('b', 'unrelated')] }),
        ]);
        expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'fulfilled', 'fulfilled']);
        expect(await world.dump()).toEqual({ a: 'second', b: 'unrelated' });
      });

      test('concurrent read-modify-write by compare-and-set loses no update', async () => {
        const increment = async (): Promise<void> => {
          const entry = await store.get('counter');
          const next = Number(entry ? text(entry) : '0') + 1;
          try {
            await store.commit({ checks: [{ key: 'counter', revision: entry?.revision }], puts: [put('counter', `${next}`)] });
          } catch (error) {
            expect(error).toMatchObject({ reason: 'aborted' });
            return await increment();
          }
        };
        await Promise.all(
          Array.from({ length: 16 }, async () => {
            for (let n = 0; n < 10; n++) await increment();
          }),
        );
        expect((await world.show('counter'))?.text).toBe('160');
      });

      test.each([
        ['an empty key', { puts: [put('', '')] }],
        ['a key with a control character', { puts: [put('a\n', '')] }],
        ['a key that is not ASCII', { deletes: ['é'] }],
        ['a key that is too long', { puts: [put('k'.repeat(1025), '')] }],
        ['a malformed key in a check', { checks: [{ key: '\0', revision: undefined }] }],
        ['a value that is too large', { puts: [{ key: 'a', value: new Uint8Array(4 * 1024 * 1024 + 1) }] }],
        ['a key that occurs twice', { puts: [put('a', '')], deletes: ['a'] }],
      ])('refuses %s, as a mistake of ours', async (_name, request) => {
        await expect(store.commit(request)).rejects.toThrow('assertion failed');
        expect(await world.dump()).toEqual({});
      });
    });

    describe('close', () => {
      test('finishes the commits under way, and refuses whatever comes later', async () => {
        const underWay = world.put({ a: '1' });
        const closed = store.close();
        await expect(underWay).resolves.toBeGreaterThan(0);
        const refused = { reason: 'store_closed' };
        await expect(store.get('a')).rejects.toMatchObject(refused);
        await expect(store.getMany(['a'])).rejects.toMatchObject(refused);
        await expect(store.scan({ prefix: '', limit: 1 })).rejects.toMatchObject(refused);
        await expect(store.commit({})).rejects.toMatchObject(refused);
        expect(() => store.revision()).toThrow(expect.objectContaining(refused));
        expect(() => store.watch({ prefix: '', after: 0, signal: new AbortController().signal })).toThrow(expect.objectContaining(refused));
        await closed;
        await expect(store.close()).resolves.toBeUndefined();
      });

      test('lets the reads under way finish', async () => {
        await world.put({ a: '1' });
        const reads = [store.get('a'), store.scan({ prefix: '', limit: 10 })];
        await store.close();
        expect(await Promise.all(reads)).toMatchObject([{ key: 'a' }, [{ key: 'a' }]]);
      });

      test('ends the watches, once they have had what was committed', async () => {
        const changes = collect(world.watch('', store.revision()));
        await world.put({ a: '1' });
        await store.close();
        expect(await changes).toMatchObject([[{ key: 'a' }]]);
      });
    });

    storeWatchContract(factory);
    storeModelContract(factory);
  });
}

const EMPTY = new Uint8Array(0);

function put(key: string, value: string): { key: string; value: Uint8Array } {
  return { key, value: Buffer.from(value) };
}

function text(entry: Entry): string {
  return Buffer.from(entry.value).toString();
}

async function collect(watch: AsyncIterable<readonly Change[]>): Promise<(readonly Change[])[]> {
  const batches = [];
  for await (const batch of watch) batches.push(batch);
  return batches;
}
