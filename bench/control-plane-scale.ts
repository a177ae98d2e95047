import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BenchContext, Benchmark } from './lib/benchmark.ts';
import { fillStore } from './lib/fill-store.ts';
import { measureQueries } from './lib/measure-queries.ts';
import { type Folders, MEMORY_BOUNDS, measureStarts } from './lib/measure-starts.ts';
import type { Measurement } from './lib/measurement.ts';
import { measurement } from './lib/measurement.ts';
import { SandglassProcess } from './lib/sandglass-process.ts';

const SIZES = { full: [1_000, 100_000, 1_000_000], quick: [1_000, 100_000] } as const;

/**
 * The server with so many snapshots in one namespace: how long it takes to start, what memory it holds, and how long it takes
 * to answer. The baseline of a start is a start with an empty store; that of a query is `GET /health`, which reads nothing.
 */
export const controlPlaneScale: Benchmark = {
  name: 'scale',
  title: 'The server with 1,000 to 1,000,000 snapshots',
  async *run(context) {
    const root = await mkdtemp(join(tmpdir(), 'sandglass-bench-'));
    const folders = { full: join(root, 'full'), empty: join(root, 'empty') };
    try {
      await Promise.all(Object.values(folders).map((path) => mkdir(path)));
      let filled = 0;
      for (const size of context.quick ? SIZES.quick : SIZES.full) {
        context.note(`scale: filling the store up to ${size.toLocaleString('en')} snapshots`);
        await fillStore(join(folders.full, 'store'), filled, size, context.signal);
        filled = size;
        yield* measureSize(size, folders, context);
      }
    } finally {
      await rm(root, { recursive: true, force: true });
    }
  },
};

async function* measureSize(size: number, folders: Folders, context: BenchContext): AsyncGenerator<Measurement> {
  const { signal, note } = context;
  const label = `${size.toLocaleString('en')} snapshots`;
  note(`scale: starts with ${label}`);
  yield* measureStarts(folders, label, context);

  note(`scale: queries of ${label}`);
  const server = await SandglassProcess.start({ command: 'server', dataDir: folders.full, signal });
  try {
    yield* measureQueries(server.http, size, label, context);
    yield measurement({
      name: `most memory while queried, ${label}`,
      unit: 'MB',
      ours: [(await server.memory()).peakMb],
      bounds: MEMORY_BOUNDS,
    });
  } finally {
    await server.close();
  }
}
