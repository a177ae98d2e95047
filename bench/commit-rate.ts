import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KeyedMutex } from '../src/lib/keyed-mutex.ts';
import { RocksdbStore } from '../src/store/rocksdb-store.ts';
import type { CommitRequest } from '../src/store/store.ts';
import { WriteSet, writeSnapshot } from '../src/store/writes.ts';
import type { Benchmark } from './lib/benchmark.ts';
import { exampleSnapshot } from './lib/example-snapshots.ts';
import { interleave } from './lib/interleave.ts';
import { type Measurement, measurement } from './lib/measurement.ts';

const WRITERS = [1, 16, 64] as const;
/** How long the writers write in one measurement. */
const SLICE_MS = 500;

/**
 * Commits a second of the embedded store, each of them durable when it is answered: as many writers at once, which the store
 * serves in groups, against the same writers one after another, each with a sync of its own. A commit is a new snapshot with
 * its index entries: one record of a kilobyte and eight keys.
 */
export const commitRate: Benchmark = {
  name: 'commits',
  title: 'Commits of the embedded store: grouped, against one at a time',
  async *run(context) {
    const folder = await mkdtemp(join(tmpdir(), 'sandglass-bench-'));
    try {
      const store = await RocksdbStore.open({ path: join(folder, 'store') });
      try {
        for (const writers of WRITERS) yield await measureWriters(store, writers, context);
      } finally {
        await store.close();
      }
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
};

let made = 0;

async function measureWriters(
  store: RocksdbStore,
  writers: number,
  { quick, signal, note }: { quick: boolean; signal: AbortSignal; note: (line: string) => void },
): Promise<Measurement> {
  note(`commits: ${writers} writers`);
  const turns = new KeyedMutex<'turn'>();
  const { grouped, single } = await interleave(
    {
      grouped: () => commitsPerSecond(writers, (request) => store.commit(request)),
      single: () => commitsPerSecond(writers, (request) => turns.run('turn', () => store.commit(request))),
    },
    { warmups: 1, rounds: quick ? 3 : 10, signal },
  );
  return measurement({
    name: writers === 1 ? '1 writer' : `${writers} writers`,
    unit: '1/s',
    ours: grouped,
    baseline: { name: 'one at a time', values: single },
  });
}

async function commitsPerSecond(writers: number, commit: (request: CommitRequest) => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  let commits = 0;
  const write = async () => {
    while (performance.now() - startedAt < SLICE_MS) {
      const writes = new WriteSet();
      const snapshot = exampleSnapshot(made++);
      writeSnapshot(writes, undefined, snapshot);
      await commit(writes.toRequest());
      commits++;
    }
  };
  await Promise.all(Array.from({ length: writers }, write));
  return (commits * 1000) / (performance.now() - startedAt);
}
