import { BenchWorld } from './lib/bench-world.ts';
import type { Benchmark } from './lib/benchmark.ts';
import { interleave, timed } from './lib/interleave.ts';
import { measurement } from './lib/measurement.ts';

const CONCURRENT = 200;
/** Commands come in a row: the first of each finds caches cold that the other side has used. */
const BURST = 20;
/** Most that a command may take over REST, in milliseconds, and as a part of the engine's own exec. */
const MEDIAN_MS = 8;
const RATIO = 0.1;

/**
 * `POST …/exec` with `true`, until its answer, against create, start and inspect of an exec through the Engine API, in the same
 * container; and 200 commands at one time, each of which waits until all of them run.
 */
export const commandLatency: Benchmark = {
  name: 'exec',
  title: 'Commands: POST exec of `true`, against an exec through the Engine API in the same container',
  run: (context) =>
    BenchWorld.use(context, async function* (world) {
      const { quick, signal, note } = context;
      const sandboxId = await world.createSandbox();
      const container = world.containerOf(sandboxId);
      const ours = () => timed(() => world.exec(sandboxId, ['true']));
      const bare = () => timed(() => world.engine.exec(container, ['true']));
      const compared = (values: { ours: number[]; bare: number[] }) => ({
        unit: 'ms' as const,
        ours: values.ours,
        baseline: { name: 'Engine API', values: values.bare },
      });
      note('exec: true');
      const bursts = await interleave(
        { ours: () => medianOf(BURST, ours), bare: () => medianOf(BURST, bare) },
        { warmups: quick ? 1 : 2, rounds: quick ? 3 : 15, signal },
      );
      yield measurement({
        name: `exec of true, ${BURST} in a row`,
        ...compared(bursts),
        bounds: [
          { of: 'median', limit: MEDIAN_MS },
          { of: 'ratio', limit: RATIO },
        ],
      });
      const single = await interleave({ ours, bare }, { warmups: quick ? 3 : 20, rounds: quick ? 10 : 100, signal });
      yield measurement({
        name: 'exec of true, in turns with the other',
        ...compared(single),
        bounds: [{ of: 'median', limit: MEDIAN_MS }],
      });

      note(`exec: ${CONCURRENT} at one time`);
      const rounds = quick ? 1 : 5;
      const together: number[] = [];
      for (let round = 0; round < rounds; round++) together.push(await timed(() => allAtOnce(world, sandboxId, `/tmp/round-${round}`)));
      yield measurement({ name: `${CONCURRENT} commands at one time`, unit: 'ms', ours: together });
      await world.deleteSandbox(sandboxId);
    }),
};

async function medianOf(count: number, take: () => Promise<number>): Promise<number> {
  const values: number[] = [];
  for (let i = 0; i < count; i++) values.push(await take());
  return values.sort((a, b) => a - b)[count >> 1] ?? Number.NaN;
}

/** Every command leaves a mark, and ends only when all marks are there: so all of them must run at one time. */
async function allAtOnce(world: BenchWorld, sandboxId: string, folder: string): Promise<void> {
  await world.exec(sandboxId, ['mkdir', folder]);
  const script = `: > ${folder}/$$; while [ ! -e ${folder}/go ]; do sleep 0.2; done`;
  const running = Promise.all(Array.from({ length: CONCURRENT }, () => world.exec(sandboxId, ['sh', '-c', script])));
  const gate = `until [ $(ls ${folder} | wc -l) -ge ${CONCURRENT} ]; do sleep 0.05; done; : > ${folder}/go`;
  await world.exec(sandboxId, ['sh', '-c', gate]);
  await running;
}
