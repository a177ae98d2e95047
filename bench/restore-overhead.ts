import { existsSync } from 'node:fs';
import type { ContainerInfo } from './lib/bare-engine.ts';
import { BenchWorld } from './lib/bench-world.ts';
import type { BenchContext, Benchmark } from './lib/benchmark.ts';
import { CHANGES, type Change } from './lib/changes.ts';
import { interleave, timed } from './lib/interleave.ts';
import { type Measurement, measurement } from './lib/measurement.ts';

/** Most that a restore may take, as a multiple of the bare container with the same configuration. */
const LIMIT = 1.15;
const MARK = 'restored';
const READ_MARK = ['cat', '/bench/mark'] as const;

/**
 * From the POST of a restore until the first command in the sandbox has been answered, with the contents of a file that the
 * snapshot holds, against create, start and exec of the snapshot's image on the bare engine:
 *
 * - `same container`: with the configuration that the restored sandbox's container has, guest, mounts and limits included;
 * - `plain sleep`: with the same limits, network and init process, but neither guest nor mounts.
 */
export const restoreOverhead: Benchmark = {
  name: 'restore',
  title: 'Restore: POST until the first command is answered, against create + start + exec of the same image',
  run: (context) =>
    BenchWorld.use(context, async function* (world) {
      for (const change of CHANGES) yield* measureChange(context, world, change);
    }),
};

async function* measureChange({ quick, signal, note }: BenchContext, world: BenchWorld, change: Change): AsyncGenerator<Measurement> {
  note(`restore: ${change.title}`);
  const source = await world.createSandbox();
  await world.engine.exec(world.containerOf(source), ['sh', '-c', `${change.script} && echo ${MARK} > /bench/mark`]);
  const snapshotId = await world.createSnapshot(source);
  await world.deleteSandbox(source);
  const model = await restoredContainer(world, snapshotId);

  const { ours, same, plain } = await interleave(
    {
      ours: () => restoreAndRead(world, snapshotId),
      same: () => createAndRead(world, sameConfig(model, world.emptyFolder)),
      plain: () => createAndRead(world, plainConfig(model)),
    },
    { warmups: quick ? 1 : 5, rounds: quick ? change.rounds.quick : change.rounds.full, signal },
  );
  await world.deleteSnapshot(snapshotId);
  const name = `restore of ${change.title}`;
  yield measurement({
    name,
    unit: 'ms',
    ours,
    baseline: { name: 'same container', values: same },
    bounds: [{ of: 'ratio', limit: LIMIT }],
  });
  yield measurement({ name, unit: 'ms', ours, baseline: { name: 'plain sleep', values: plain } });
}

/** How the engine describes the container of a restored sandbox. */
async function restoredContainer(world: BenchWorld, snapshotId: string): Promise<ContainerInfo> {
  const sandboxId = await world.restore(snapshotId);
  const info = await world.engine.inspect(world.containerOf(sandboxId));
  await world.deleteSandbox(sandboxId);
  return info;
}

/** The folder of the guest's socket went with the restored sandbox; an empty one takes its place. */
function sameConfig({ Image, Config, HostConfig }: ContainerInfo, emptyFolder: string): Record<string, unknown> {
  const mounts = HostConfig.Mounts.map((mount) => (existsSync(mount.Source) ? mount : { ...mount, Source: emptyFolder }));
  return { ...Config, Image, HostConfig: { ...HostConfig, Mounts: mounts } };
}

function plainConfig({ Image, HostConfig }: ContainerInfo): Record<string, unknown> {
  const { Mounts: _mounts, Binds: _binds, ...rest } = HostConfig;
  return { Image, Entrypoint: ['sleep', 'infinity'], HostConfig: { ...rest, Init: true } };
}

async function restoreAndRead(world: BenchWorld, snapshotId: string): Promise<number> {
  let sandboxId = '';
  const ms = await timed(async () => {
    sandboxId = await world.restore(snapshotId);
    checkMark(await world.exec(sandboxId, READ_MARK));
  });
  await world.deleteSandbox(sandboxId);
  return ms;
}

async function createAndRead({ engine }: BenchWorld, config: Record<string, unknown>): Promise<number> {
  let container = '';
  const ms = await timed(async () => {
    container = await engine.create(config);
    await engine.start(container);
    checkMark(await engine.exec(container, READ_MARK));
  });
  await engine.removeContainer(container);
  return ms;
}

function checkMark(text: string): void {
  if (text !== `${MARK}\n`) throw new Error(`the restored file holds ${JSON.stringify(text)}`);
}
