import { randomBytes } from 'node:crypto';
import { pack } from 'tar-stream';
import { BenchWorld } from './lib/bench-world.ts';
import type { Benchmark } from './lib/benchmark.ts';
import { interleave, timed } from './lib/interleave.ts';
import { measurement } from './lib/measurement.ts';

const MEGABYTE = 1_000_000;
const PIECES = 100;
const SIZE_BYTES = PIECES * MEGABYTE;
/** 100 MB at 200 MB/s. */
const MEDIAN_MS = 500;
/** Most that the server and executor may grow by, in megabytes: less than one of the files that pass through them. */
const GROWTH_MB = 90;

/** A file of 100 MB into a sandbox and out of it over REST, against the Engine API's archives, which is what `docker cp` uses. */
export const fileTransfer: Benchmark = {
  name: 'files',
  title: 'Files: 100 MB in and out over REST, against the archives of the Engine API',
  run: (context) =>
    BenchWorld.use(context, async function* (world) {
      const { quick, signal, note } = context;
      const sandboxId = await world.createSandbox();
      const container = world.containerOf(sandboxId);
      const files = `${world.pathOf(sandboxId)}/files?path=/root/ours.bin`;
      const piece = randomBytes(MEGABYTE);
      const archive = await archiveOf('bare.bin', Buffer.concat(Array.from({ length: PIECES }, () => piece)));
      const rounds = { warmups: quick ? 1 : 3, rounds: quick ? 3 : 15, signal };

      note('files: in');
      await put(world, files, piece);
      const before = (await world.memory()).residentMb;
      const up = await interleave(
        {
          ours: () => timed(() => put(world, files, piece)),
          bare: () => timed(() => world.engine.putArchive(container, '/root', archive)),
        },
        rounds,
      );
      yield measurement({
        name: '100 MB in',
        unit: 'ms',
        ours: up.ours,
        baseline: { name: 'Engine API', values: up.bare },
        bounds: [{ of: 'median', limit: MEDIAN_MS }],
      });

      note('files: out');
      const down = await interleave(
        {
          ours: () => timed(() => get(world, files)),
          bare: () => timed(() => world.engine.getArchive(container, '/root/bare.bin')),
        },
        rounds,
      );
      yield measurement({
        name: '100 MB out',
        unit: 'ms',
        ours: down.ours,
        baseline: { name: 'Engine API', values: down.bare },
        bounds: [{ of: 'median', limit: MEDIAN_MS }],
      });
      const { peakMb } = await world.memory();
      yield measurement({ name: 'growth of the server', unit: 'MB', ours: [peakMb - before], bounds: [{ of: 'max', limit: GROWTH_MB }] });
      await world.deleteSandbox(sandboxId);
    }),
};

async function put(world: BenchWorld, path: string, piece: Buffer): Promise<void> {
  const { status, body } = await world.http.upload('PUT', path, piece, PIECES);
  if (status !== 200) throw new Error(`PUT ${path} was answered with ${status}: ${body}`);
}

async function get(world: BenchWorld, path: string): Promise<void> {
  const { status, sizeBytes } = await world.http.download(path);
  if (status !== 200 || sizeBytes !== SIZE_BYTES) throw new Error(`GET ${path} was answered with ${status} and ${sizeBytes} bytes`);
}

async function archiveOf(name: string, content: Buffer): Promise<Buffer> {
  const archive = pack();
  archive.entry({ name }, content);
  archive.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of archive as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
}
