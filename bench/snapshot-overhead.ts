import { BenchWorld } from './lib/bench-world.ts';
import type { BenchContext, Benchmark } from './lib/benchmark.ts';
import { CHANGES, type Change } from './lib/changes.ts';
import { interleave, timed } from './lib/interleave.ts';
import { type Measurement, measurement } from './lib/measurement.ts';

/** Most that a snapshot may take, as a multiple of the bare commit. */
const LIMIT = 1.15;

/**
 * A snapshot as a client sees it, from the POST until the answer that it is active, against the engine's own commit of the
 * same container. Before each capture a small file gets new contents, so that no layer is there already; what a capture has
 * made is removed before the next.
 */
export const snapshotOverhead: Benchmark = {
  name: 'snapshot',
  title: 'Snapshot: POST until active, against POST /commit of the same container',
  run: (context) =>
    BenchWorld.use(context, async function* (world) {
      for (const change of CHANGES) yield await measureChange(context, world, change);
    }),
};

async function measureChange({ quick, signal, note }: BenchContext, world: BenchWorld, change: Change): Promise<Measurement> {
  note(`snapshot: ${change.title}`);
  const { engine } = world;
  const sandboxId = await world.createSandbox();
  const container = (await engine.inspect(world.containerOf(sandboxId))).Id;
  await engine.exec(container, ['sh', '-c', change.script]);
  let captures = 0;
  const alter = () => engine.exec(container, ['sh', '-c', `echo ${++captures} > /bench/captures`]);

  const { ours, bare } = await interleave(
    {
      async ours() {
        await alter();
        let snapshotId = '';
        const ms = await timed(async () => {
          snapshotId = await world.createSnapshot(sandboxId);
        });
        await world.deleteSnapshot(snapshotId);
        return ms;
      },
      async bare() {
        await alter();
        let imageId = '';
        const ms = await timed(async () => {
          imageId = await engine.commit(container, String(captures));
        });
        await engine.removeImage(imageId);
        return ms;
      },
    },
    { warmups: quick ? 1 : 5, rounds: quick ? change.rounds.quick : change.rounds.full, signal },
  );
  await world.deleteSandbox(sandboxId);
  return measurement({
    name: `snapshot of ${change.title}`,
    unit: 'ms',
    ours,
    baseline: { name: 'bare commit', values: bare },
    bounds: [{ of: 'ratio', limit: LIMIT }],
  });
}
