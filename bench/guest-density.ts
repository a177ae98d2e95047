import { readdir, readFile } from 'node:fs/promises';
import { BenchWorld } from './lib/bench-world.ts';
import type { Benchmark } from './lib/benchmark.ts';
import { measurement } from './lib/measurement.ts';

const SANDBOXES = { full: 50, quick: 5 } as const;
/** Most private memory of all of Sandglass's processes in one sandbox, in megabytes. */
const PRIVATE_MB = 20;
const SMALL = { resources: { cpus: 0.1, memory_mb: 128 } };

/** What the guest costs: private memory of the init process and the guest in each of 50 sandboxes, after a command in each. */
export const guestDensity: Benchmark = {
  name: 'density',
  title: 'Density: private memory of the guest in each of 50 sandboxes',
  run: (context) =>
    BenchWorld.use(context, async function* (world) {
      const { quick, signal, note } = context;
      const count = quick ? SANDBOXES.quick : SANDBOXES.full;
      note(`density: starting ${count} sandboxes`);
      const sandboxes: string[] = [];
      for (let i = 0; i < count; i++) {
        signal.throwIfAborted();
        sandboxes.push(await world.createSandbox(SMALL));
      }
      for (const sandboxId of sandboxes) await world.exec(sandboxId, ['true']);
      const memory = await Promise.all(sandboxes.map(async (id) => privateMb(await world.engine.mainPid(world.containerOf(id)))));
      yield measurement({
        name: `private memory of each of ${count}`,
        unit: 'MB',
        ours: memory,
        bounds: [{ of: 'max', limit: PRIVATE_MB }],
      });
      for (const sandboxId of sandboxes) await world.deleteSandbox(sandboxId);
    }),
};

/** Of a process and all below it. Source: proc(5), `smaps_rollup`. */
async function privateMb(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8');
  const own = [...text.matchAll(/^Private_(?:Clean|Dirty):\s+(\d+) kB$/gm)].reduce((sum, [, kilobytes]) => sum + Number(kilobytes), 0);
  const below = await Promise.all((await childrenOf(pid)).map(privateMb));
  return (own * 1024) / 1e6 + below.reduce((sum, megabytes) => sum + megabytes, 0);
}

async function childrenOf(pid: number): Promise<number[]> {
  const threads = await readdir(`/proc/${pid}/task`);
  const lists = await Promise.all(threads.map((thread) => readFile(`/proc/${pid}/task/${thread}/children`, 'utf8')));
  return lists.flatMap((list) => list.split(' ').filter(Boolean).map(Number));
}
