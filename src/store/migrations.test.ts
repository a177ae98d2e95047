import { expect, test } from 'vitest';
import { MemoryStore } from './memory-store.ts';
import { type Migration, migrate, type StoreManifest } from './migrations.ts';

/** Writes `to/N` for every `from/N`, and deletes that; two at a time. */
const moveAll = (from: string, to: string, onBatch = () => {}): Migration => ({
  description: `move ${from} to ${to}`,
  async batch(store, cursor) {
    onBatch();
    const entries = await store.scan({ prefix: `${from}/`, limit: 2, ...(cursor === undefined ? {} : { after: cursor }) });
    return {
      puts: entries.map(({ key, value }) => ({ key: key.replace(`${from}/`, `${to}/`), value })),
      deletes: entries.map(({ key }) => key),
      next: entries.length < 2 ? undefined : entries.at(-1)?.key,
    };
  },
});

async function setUp() {
  const store = new MemoryStore();
  await store.commit({ puts: Array.from({ length: 5 }, (_, n) => ({ key: `a/${n}`, value: Buffer.from(`${n}`) })) });
  let manifest: StoreManifest = { schemaVersion: 1, migrating: false, clusterId: 'c' };
  const saved: StoreManifest[] = [];
  const save = async (changed: StoreManifest) => {
    manifest = changed;
    saved.push(changed);
  };
  const run = (migrations: readonly Migration[], signal?: AbortSignal) =>
    migrate({ store, manifest, save, migrations, ...(signal === undefined ? {} : { signal }) });
  const below = async (prefix: string) =>
    (await store.scan({ prefix, limit: 100 })).map(({ key, value }) => `${key}=${Buffer.from(value)}`);
  return { store, run, below, saved };
}

test('every migration that a store has not had is applied, in order, and only once', async () => {
  const { run, below } = await setUp();
  const migrations = [moveAll('a', 'b'), moveAll('b', 'c')];
  expect(await run(migrations)).toEqual({ schemaVersion: 3, migrating: false, clusterId: 'c' });
  const moved = ['c/0=0', 'c/1=1', 'c/2=2', 'c/3=3', 'c/4=4'];
  expect([await below('a/'), await below('b/'), await below('c/')]).toEqual([[], [], moved]);
  let batches = 0;
  await run([moveAll('a', 'b', () => batches++), moveAll('c', 'd', () => batches++)]);
  expect(batches).toBe(0);
});

test('the store has the later version from the first write of a migration on', async () => {
  const { run, saved } = await setUp();
  await run([moveAll('a', 'b')]);
  expect(saved.map(({ schemaVersion, migrating }) => ({ schemaVersion, migrating }))).toEqual([
    { schemaVersion: 2, migrating: true },
    { schemaVersion: 2, migrating: false },
  ]);
});

test.each([1, 2, 3])('a migration that is stopped before batch %i goes on there, with nothing done twice', async (stopBefore) => {
  const { run, below } = await setUp();
  let batches = 0;
  const counted = (limit: number) =>
    moveAll('a', 'b', () => {
      if (batches === limit) throw new Error('killed');
      batches++;
    });
  await expect(run([counted(stopBefore - 1)])).rejects.toThrow('killed');
  expect(await run([counted(Number.POSITIVE_INFINITY)])).toMatchObject({ schemaVersion: 2, migrating: false });
  expect(batches).toBe(3);
  expect(await below('b/')).toEqual(['b/0=0', 'b/1=1', 'b/2=2', 'b/3=3', 'b/4=4']);
  expect(await below('a/')).toEqual([]);
});

test('each batch begins where the one before ended, also after a stop', async () => {
  const { run } = await setUp();
  const visited: string[] = [];
  const visit = (limit: number): Migration => ({
    description: 'visit every a',
    async batch(store, cursor) {
      if (visited.length >= limit) throw new Error('killed');
      const entries = await store.scan({ prefix: 'a/', limit: 2, ...(cursor === undefined ? {} : { after: cursor }) });
      visited.push(...entries.map(({ key }) => key));
      return { next: entries.length < 2 ? undefined : entries.at(-1)?.key };
    },
  });
  await expect(run([visit(4)])).rejects.toThrow('killed');
  await run([visit(100)]);
  expect(visited).toEqual(['a/0', 'a/1', 'a/2', 'a/3', 'a/4']);
});

test('a migration that was done, but not noted as done, is not begun again', async () => {
  const { store, run, saved } = await setUp();
  await run([moveAll('a', 'b')]);
  const atTheEnd = saved[0] as StoreManifest;
  const again = moveAll('b', 'elsewhere');
  const save = async () => {};
  expect(await migrate({ store, manifest: atTheEnd, save, migrations: [again] })).toMatchObject({ migrating: false });
  expect((await store.scan({ prefix: 'elsewhere/', limit: 1 })).length).toBe(0);
});

test('a signal stops it between two batches', async () => {
  const { run, below } = await setUp();
  const controller = new AbortController();
  const stopping = moveAll('a', 'b', () => controller.abort(new Error('shutting down')));
  await expect(run([stopping], controller.signal)).rejects.toThrow('shutting down');
  expect(await below('b/')).toHaveLength(2);
  await run([moveAll('a', 'b')]);
  expect(await below('b/')).toHaveLength(5);
});

test('a store of a later version is refused, also one whose migration to it is unfinished', async () => {
  const { run, below } = await setUp();
  await expect(
    run([
      moveAll('a', 'b', () => {
        throw new Error('killed');
      }),
    ]),
  ).rejects.toThrow('killed');
  await expect(run([])).rejects.toMatchObject({
    reason: 'store_schema_newer',
    message: expect.stringMatching(/schema version 2;.* up to 1: upgrade Sandglass/),
  });
  expect(await below('a/')).toHaveLength(5);
});
