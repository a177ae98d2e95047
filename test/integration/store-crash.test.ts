import { expect, test } from 'vitest';
import { RocksdbStore } from '../../src/store/rocksdb-store.ts';
import type { Store } from '../../src/store/store.ts';
import { StoreProcess } from '../support/store-process.ts';
import { tempFolder } from '../support/temp-folder.ts';

const WRITERS = 32;
const ROUNDS = 8;
const TIMEOUT_MS = 60_000;

test('a store that is killed at any moment has every acknowledged commit, and each commit whole or not at all', {
  timeout: TIMEOUT_MS,
}, async () => {
  const path = tempFolder();
  const acknowledged = new Map<number, number>();
  let revision = 0;
  for (let round = 0; round < ROUNDS; round++) {
    // Values of 2 kB let the log rotate, and memtables be flushed, in the middle of it.
    const writer = new StoreProcess({ path, writers: WRITERS, valueBytes: 2000 });
    await writer.untilAcknowledged(1 + Math.floor(Math.random() * 4000));
    await writer.kill();
    for (const [index, n] of writer.acknowledged) acknowledged.set(index, n);

    const store = await RocksdbStore.open({ path });
    try {
      revision = await verify(store, acknowledged, revision);
    } finally {
      await store.close();
    }
  }
});

/** What is found counts as acknowledged from then on. @returns the store's revision. */
async function verify(store: Store, acknowledged: Map<number, number>, earlier: number): Promise<number> {
  const present = new Map<string, string>();
  let newest = 0;
  for (const { key, value, revision } of await store.scan({ prefix: '', limit: 100_000 })) {
    present.set(key, Buffer.from(value).toString());
    newest = Math.max(newest, revision);
  }
  expect(store.revision()).toBe(newest);
  expect(newest).toBeGreaterThan(earlier);

  const expected: string[] = [];
  for (let writer = 0; writer < WRITERS; writer++) {
    const counter = present.get(`count/${writer}`);
    const last = counter === undefined ? -1 : Number(counter);
    // It may have one commit more than was acknowledged: its acknowledgement did not get out.
    expect([0, 1]).toContain(last - (acknowledged.get(writer) ?? -1));
    acknowledged.set(writer, last);
    if (last >= 0) expected.push(`count/${writer}`);
    for (const n of [last - 1, last].filter((round) => round >= 0)) {
      for (const part of ['a', 'b']) {
        expected.push(`part/${writer}/${n}/${part}`);
        expect(present.get(`part/${writer}/${n}/${part}`)?.split(' ')[0]).toBe(`${n}`);
      }
    }
  }
  expect([...present.keys()].sort()).toEqual(expected.sort());
  return newest;
}
