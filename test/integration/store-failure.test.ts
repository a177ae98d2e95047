import { cpSync, truncateSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { SandglassError } from '../../src/model/errors.ts';
import type { LogSync } from '../../src/store/rocksdb-engine.ts';
import { RocksdbStore } from '../../src/store/rocksdb-store.ts';
import { type WalFile, WalSync } from '../../src/store/wal-sync.ts';
import { StoreProcess } from '../support/store-process.ts';
import { StoreWorld } from '../support/store-world.ts';
import { tempFolder } from '../support/temp-folder.ts';

/** Syncs the log for real, but can be held up just before, and be told to fail. */
class FaultyLogSync implements LogSync {
  readonly #sync: WalSync;
  readonly #path: string;
  /** Resolves when a sync is being held up. */
  reached = Promise.withResolvers<void>();
  #held: PromiseWithResolvers<void> | undefined;
  /** The log of the latest sync that was finished, and its size then: what a loss of power would leave. */
  durable: WalFile & { size: number } = { name: '', number: 0, size: 0 };

  constructor(path: string) {
    this.#path = path;
    this.#sync = new WalSync(path);
  }

  hold(): PromiseWithResolvers<void> {
    this.reached = Promise.withResolvers<void>();
    this.#held = Promise.withResolvers<void>();
    return this.#held;
  }

  async sync(current: () => Promise<WalFile>): Promise<void> {
    if (this.#held !== undefined) {
      this.reached.resolve();
      await this.#held.promise;
      this.#held = undefined;
    }
    await this.#sync.sync(current);
    const log = await current();
    this.durable = { ...log, size: (await stat(join(this.#path, log.name))).size };
  }

  async close(): Promise<void> {
    await this.#sync.close();
  }
}

async function setUp() {
  const path = tempFolder();
  const logSync = new FaultyLogSync(path);
  const failures: SandglassError[] = [];
  const store = await RocksdbStore.open({ path, logSync, onFailed: (failure) => failures.push(failure) });
  return { path, logSync, failures, store, world: new StoreWorld(store) };
}

test('what is not on the disk yet is not shown: not to reads, not to watches, not as a revision', async () => {
  const { store, world, logSync } = await setUp();
  const revision = await world.put({ a: 'old' });
  const watch = world.watch('', revision);
  const shown = watch.next();
  const held = logSync.hold();
  const commit = world.put({ a: 'new', b: 'new' });
  await logSync.reached.promise;

  expect(await world.dump()).toEqual({ a: 'old' });
  expect((await store.getMany(['a', 'b'])).map((entry) => entry?.revision)).toEqual([revision, undefined]);
  expect(store.revision()).toBe(revision);
  expect(await Promise.race([shown, Promise.resolve('nothing')])).toBe('nothing');

  held.resolve();
  expect(await commit).toBe(store.revision());
  expect(await world.dump()).toEqual({ a: 'new', b: 'new' });
  expect((await shown).value).toHaveLength(2);
  await store.close();
});

test('a loss of power takes only what was not acknowledged', async () => {
  const { path, store, world, logSync } = await setUp();
  const acknowledged: Record<string, string> = {};
  for (let n = 0; n < 20; n++) {
    await Promise.all([0, 1, 2].map((writer) => world.put({ [`k/${n}/${writer}`]: 'v'.repeat(n) })));
    for (const writer of [0, 1, 2]) acknowledged[`k/${n}/${writer}`] = 'v'.repeat(n);
  }
  const held = logSync.hold();
  const lost = world.put({ lost: 'in the system, but not on the disk' });
  await logSync.reached.promise;

  // The disk as it would be found: each byte that was synced, and none after.
  const found = tempFolder();
  cpSync(path, found, { recursive: true });
  truncateSync(join(found, logSync.durable.name), logSync.durable.size);
  held.resolve();
  await lost;
  await store.close();

  const reopened = await RocksdbStore.open({ path: found });
  expect(await new StoreWorld(reopened).dump()).toEqual(acknowledged);
  await reopened.close();
});

test('when the log cannot be synced, nothing more is accepted, and what may be lost is never shown', async () => {
  const { path, store, world, logSync, failures } = await setUp();
  const revision = await world.put({ a: 'old' });
  const watch = world.watch('', revision);
  const shown = watch.next();
  const held = logSync.hold();
  const commits = [world.put({ a: 'unknown' })];
  await logSync.reached.promise;
  commits.push(world.put({ b: 'waiting' }));
  held.reject(Object.assign(new Error('EIO: i/o error, fdatasync'), { code: 'EIO' }));

  for (const commit of commits) await expect(commit).rejects.toMatchObject({ reason: 'internal' });
  await expect(world.put({ c: 'later' })).rejects.toMatchObject({ reason: 'internal' });
  expect(failures).toMatchObject([{ reason: 'internal' }]);
  expect(await world.dump()).toEqual({ a: 'old' });
  expect(store.revision()).toBe(revision);
  await store.close();
  expect(await shown).toMatchObject({ done: true });

  // What the disk holds of the failed commit is for the next open to say; whatever it is, it is whole, and goes on from there.
  const reopened = await RocksdbStore.open({ path });
  const again = new StoreWorld(reopened);
  const found = await again.dump();
  expect([{ a: 'old' }, { a: 'unknown' }]).toContainEqual(found);
  expect(await again.put({ c: 'later' })).toBeGreaterThan(revision);
  await reopened.close();
});

test('a disk without space refuses commits with the reason and the remedy; everything acknowledged is there afterwards', async () => {
  const path = tempFolder();
  const writer = new StoreProcess({ path, writers: 8, valueBytes: 2000, fileSizeLimitKb: 2000 });
  await writer.untilEnded();
  expect(writer.failures).toEqual(Array(8).fill('disk_full'));
  expect(writer.acknowledgements).toBeGreaterThan(100);

  const store = await RocksdbStore.open({ path });
  for (const [index, n] of writer.acknowledged) {
    const last = Number((await new StoreWorld(store).show(`count/${index}`))?.text);
    expect([n, n + 1]).toContain(last);
  }
  await store.close();
});
