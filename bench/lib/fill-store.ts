import { usageKey } from '../../src/store/keys.ts';
import { usageRecord } from '../../src/store/records.ts';
import { RocksdbStore } from '../../src/store/rocksdb-store.ts';
import { WriteSet, writeSnapshot } from '../../src/store/writes.ts';
import { exampleSnapshot, NAMESPACE } from './example-snapshots.ts';

/** Snapshots in one commit: large, because only what comes of it matters here. */
const BATCH = 500;
/** Commits under way at one time. */
const CONCURRENCY = 4;

/** Adds the example snapshots from number `from` up to `to` (not included) to the store at `path`, with every index entry. */
export async function fillStore(path: string, from: number, to: number, signal: AbortSignal): Promise<void> {
  const store = await RocksdbStore.open({ path });
  let next = from;
  const worker = async () => {
    while (next < to) {
      signal.throwIfAborted();
      const writes = new WriteSet();
      const end = Math.min(next + BATCH, to);
      for (; next < end; next++) writeSnapshot(writes, undefined, exampleSnapshot(next));
      await store.commit(writes.toRequest());
    }
  };
  try {
    await Promise.all(Array.from({ length: CONCURRENCY }, worker));
    const usage = { namespace: NAMESPACE, snapshotCount: to };
    await store.commit({ puts: [{ key: usageKey(NAMESPACE), value: usageRecord.encode(usage) }] });
  } finally {
    await store.close();
  }
}
