import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import RocksDB from 'rocksdb-native';
import { beforeEach, describe, expect, test } from 'vitest';
import type { Migration } from '../../src/store/migrations.ts';
import { RocksdbStore } from '../../src/store/rocksdb-store.ts';
import { StoreProcess } from '../support/store-process.ts';
import { StoreWorld } from '../support/store-world.ts';
import { tempFolder } from '../support/temp-folder.ts';

test('a store keeps its entries, its revisions and its id from one run to the next', async () => {
  const path = tempFolder();
  const first = await RocksdbStore.open({ path, newClusterId: () => 'cluster-1' });
  const one = await new StoreWorld(first).put({ a: '1', b: '2' });
  const two = await new StoreWorld(first).put({ b: '3' });
  await first.close();

  const second = await RocksdbStore.open({ path });
  const world = new StoreWorld(second);
  expect(second.clusterId).toBe('cluster-1');
  expect(second.revision()).toBe(two);
  expect([await world.show('a'), await world.show('b')]).toMatchObject([{ revision: one }, { text: '3', revision: two }]);
  expect(await world.put({ c: '' })).toBe(two + 1);
  await second.close();
});

test('a watch goes on after a restart from the present revision; earlier changes are compacted', async () => {
  const path = tempFolder();
  const first = await RocksdbStore.open({ path });
  const before = first.revision();
  const revision = await new StoreWorld(first).put({ a: '1' });
  await first.close();

  const second = await RocksdbStore.open({ path });
  const world = new StoreWorld(second);
  await expect(world.watch('', before).next()).rejects.toMatchObject({ reason: 'compacted' });
  const next = world.watch('', revision).next();
  await world.put({ b: '2' });
  expect((await next).value).toMatchObject([{ key: 'b' }]);
  await second.close();
});

test('the folder is made for the owner alone, with those above it', async () => {
  const path = join(tempFolder(), 'deep', 'store');
  const store = await RocksdbStore.open({ path });
  await store.close();
  expect(statSync(path).mode & 0o777).toBe(0o700);
});

test('logs of earlier runs do not pile up', async () => {
  const path = tempFolder();
  for (let run = 0; run < 12; run++) await (await RocksdbStore.open({ path })).close();
  expect(readdirSync(path).filter((name) => name.startsWith('LOG')).length).toBeLessThan(8);
});

test('a second process is refused with what to do, and harms nothing', async () => {
  const path = tempFolder();
  const writer = new StoreProcess({ path, writers: 2 });
  await writer.untilAcknowledged(10);
  await expect(RocksdbStore.open({ path })).rejects.toMatchObject({
    reason: 'store_locked',
    message: `${path} is in use by another Sandglass server; stop that one, or give this one a data folder of its own`,
  });
  await writer.untilAcknowledged(writer.acknowledgements + 10);
  await writer.kill();
  await (await RocksdbStore.open({ path })).close();
});

test('so is a second store in one process', async () => {
  const path = tempFolder();
  const store = await RocksdbStore.open({ path });
  await expect(RocksdbStore.open({ path })).rejects.toMatchObject({ reason: 'store_locked' });
  await new StoreWorld(store).put({ a: '1' });
  await store.close();
});

describe('versions', () => {
  const rename: Migration = {
    description: 'rename a to b',
    batch: async (store) => {
      const entry = await store.get('a');
      return { puts: entry === undefined ? [] : [{ key: 'b', value: entry.value }], deletes: ['a'], next: undefined };
    },
  };

  test('an older store is brought up to date at open, once; then an older binary refuses it and says what to do', async () => {
    const path = tempFolder();
    const old = await RocksdbStore.open({ path, migrations: [] });
    await new StoreWorld(old).put({ a: '1' });
    await old.close();

    const migrated = await RocksdbStore.open({ path, migrations: [rename] });
    expect(await new StoreWorld(migrated).dump()).toMatchObject({ b: '1' });
    await new StoreWorld(migrated).put({ a: 'another' });
    await migrated.close();

    await expect(RocksdbStore.open({ path, migrations: [] })).rejects.toMatchObject({
      reason: 'store_schema_newer',
      message: expect.stringMatching(/schema version 2;.*up to 1: upgrade Sandglass/),
    });

    const again = await RocksdbStore.open({ path, migrations: [rename] });
    expect(await new StoreWorld(again).dump()).toMatchObject({ a: 'another', b: '1' });
    await again.close();
  });

  test('a migration that failed half-way goes on at the next open', async () => {
    const path = tempFolder();
    const old = await RocksdbStore.open({ path, migrations: [] });
    await new StoreWorld(old).put({ a: '1' });
    await old.close();
    const killed: Migration = { description: 'dies', batch: () => Promise.reject(new Error('killed')) };
    await expect(RocksdbStore.open({ path, migrations: [killed] })).rejects.toThrow('killed');
    const store = await RocksdbStore.open({ path, migrations: [rename] });
    expect(await new StoreWorld(store).dump()).toMatchObject({ b: '1' });
    await store.close();
  });

  test('a new store needs no migrations', async () => {
    const path = tempFolder();
    const never: Migration = { description: 'never', batch: () => Promise.reject(new Error('not needed')) };
    await (await RocksdbStore.open({ path, migrations: [never] })).close();
    await expect(RocksdbStore.open({ path, migrations: [] })).rejects.toMatchObject({ reason: 'store_schema_newer' });
  });

  test('a database with column families of a later version is refused', async () => {
    const path = tempFolder();
    const later = new RocksDB(path, { columnFamilies: ['meta', 'blobs'] });
    await later.ready();
    await later.close();
    await expect(RocksdbStore.open({ path })).rejects.toMatchObject({
      reason: 'store_schema_newer',
      message: expect.stringContaining('blobs'),
    });
  });

  test('a database that is not a store is refused, and left as it is', async () => {
    const path = tempFolder();
    const other = new RocksDB(path, { columnFamilies: ['meta'] });
    await other.ready();
    const batch = other.write({ autoDestroy: true });
    batch.tryPut('theirs', Buffer.from('1'));
    await batch.flush();
    await other.close();
    await expect(RocksdbStore.open({ path })).rejects.toMatchObject({ reason: 'store_corrupt', message: expect.stringContaining(path) });
  });
});

test('a path that is a file, or below one, is refused as a mistake in the configuration', async () => {
  const file = join(tempFolder(), 'file');
  writeFileSync(file, '');
  for (const path of [file, join(file, 'store')]) {
    await expect(RocksdbStore.open({ path })).rejects.toMatchObject({ reason: 'invalid_config', message: expect.stringContaining(path) });
  }
});

describe('damage', () => {
  let path: string;

  /** A store with one table file of 3 MB, and 100 commits in the log. */
  beforeEach(async () => {
    path = tempFolder();
    const store = await RocksdbStore.open({ path });
    const world = new StoreWorld(store);
    for (let n = 0; n < 10; n++)
      await world.put(Object.fromEntries(Array.from({ length: 300 }, (_, k) => [`table/${n}/${k}`, `${n}`.repeat(1000)])));
    await store.close();
    // Its log is still full when it is killed.
    const writer = new StoreProcess({ path, writers: 4, valueBytes: 500 });
    await writer.untilAcknowledged(100);
    await writer.kill();
  });

  /** The largest file of that name. */
  const file = (name: RegExp) => {
    const paths = readdirSync(path)
      .filter((found) => name.test(found))
      .map((found) => join(path, found));
    return paths.sort((a, b) => statSync(b).size - statSync(a).size)[0] as string;
  };
  const flip = (name: string, at: number) => {
    const bytes = readFileSync(name);
    const from = Math.floor(bytes.length * at);
    for (let index = from; index < from + 16; index++) bytes[index] = (bytes[index] as number) ^ 0xff;
    writeFileSync(name, bytes);
  };

  test.each<[string, () => void]>([
    ['in the middle of the log', () => flip(file(/^\d+\.log$/), 0.5)],
    ['at the beginning of the log', () => flip(file(/^\d+\.log$/), 0.001)],
    ['in the index of a table file', () => flip(file(/\.sst$/), 0.999)],
    ['in the list of files', () => flip(file(/^MANIFEST/), 0.5)],
    ['a table file is missing', () => rmSync(file(/\.sst$/))],
    ['the list of files is missing', () => rmSync(file(/^MANIFEST/))],
    ['the name of the list of files is missing', () => rmSync(file(/^CURRENT/))],
    ['the name of the list of files is garbage', () => writeFileSync(file(/^CURRENT/), 'garbage')],
  ])('%s: the store is refused, and its files are left as they are', async (_name, damage) => {
    damage();
    const before = fingerprint(path);
    await expect(RocksdbStore.open({ path })).rejects.toMatchObject({ reason: 'store_corrupt', message: expect.stringContaining(path) });
    expect(fingerprint(path)).toEqual(before);
  });

  test('in a record of a table file: whoever reads it is told; the rest can be read', async () => {
    flip(file(/\.sst$/), 0.5);
    const store = await RocksdbStore.open({ path });
    await expect(store.scan({ prefix: 'table/', limit: 10_000 })).rejects.toMatchObject({ reason: 'store_corrupt' });
    const keys = Array.from({ length: 10 }, (_, n) => Array.from({ length: 300 }, (_, k) => `table/${n}/${k}`)).flat();
    const outcomes = await Promise.allSettled(keys.map((key) => store.get(key)));
    const damaged = outcomes.filter((outcome) => outcome.status === 'rejected');
    expect(damaged.length).toBeGreaterThan(0);
    expect(damaged.length).toBeLessThan(50);
    for (const { reason } of damaged) expect(reason).toMatchObject({ reason: 'store_corrupt' });
    await store.close();
  });

  test('an unfinished record at the end of the log is what a crash leaves: the store opens with everything before', async () => {
    const log = file(/^\d+\.log$/);
    truncateSync(log, statSync(log).size - 7);
    const store = await RocksdbStore.open({ path });
    expect(await new StoreWorld(store).pages('table/', 1000)).toHaveLength(3000);
    expect((await new StoreWorld(store).pages('count/', 10)).length).toBe(4);
    await store.close();
  });
});

/** A digest of every file that holds data, by name; RocksDB's own logs and its lock are not data. */
function fingerprint(path: string): Record<string, string> {
  const names = readdirSync(path).filter((name) => !/^LO(G|CK)/.test(name));
  return Object.fromEntries(
    names.map((name) => [
      name,
      createHash('sha256')
        .update(readFileSync(join(path, name)))
        .digest('hex'),
    ]),
  );
}
