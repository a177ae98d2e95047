import { silentLogger } from '../../src/lib/logger.ts';
import { loadConfig } from '../../src/main/config.ts';
import { startServer } from '../../src/main/server.ts';
import type { BenchContext } from './benchmark.ts';
import { interleave } from './interleave.ts';
import { type Bound, type Measurement, measurement } from './measurement.ts';
import { SandglassProcess, writeConfiguration } from './sandglass-process.ts';

/** A data folder with a filled store, and one with an empty store, which is the baseline. */
export interface Folders {
  readonly full: string;
  readonly empty: string;
}

const START_BOUNDS: readonly Bound[] = [{ of: 'max', limit: 3_000 }];
const ROUNDS = { full: 7, quick: 3 };
export const MEMORY_BOUNDS: readonly Bound[] = [{ of: 'max', limit: 500 }];

/**
 * How long the server takes to start: the whole process, from its start until `GET /ready` says so; and what of it begins with
 * the opening of the store and ends when the server listens. And the memory that the process holds then.
 */
export async function* measureStarts(folders: Folders, label: string, { quick, signal }: BenchContext): AsyncGenerator<Measurement> {
  const options = { warmups: 0, rounds: quick ? ROUNDS.quick : ROUNDS.full, signal };
  const memory = { full: [] as number[], empty: [] as number[] };
  const startProcess = async (name: keyof Folders) => {
    const server = await SandglassProcess.start({ command: 'server', dataDir: folders[name], signal });
    try {
      memory[name].push((await server.memory()).residentMb);
      return server.readyMs;
    } finally {
      await server.close();
    }
  };
  const processes = await interleave({ full: () => startProcess('full'), empty: () => startProcess('empty') }, options);
  const listening = await interleave({ full: () => openAndListen(folders.full), empty: () => openAndListen(folders.empty) }, options);
  yield measurement({ name: `process start until ready, ${label}`, unit: 'ms', ...against(processes), bounds: START_BOUNDS });
  yield measurement({ name: `store open until listening, ${label}`, unit: 'ms', ...against(listening), bounds: START_BOUNDS });
  yield measurement({ name: `memory after the start, ${label}`, unit: 'MB', ...against(memory), bounds: MEMORY_BOUNDS });
}

async function openAndListen(dataDir: string): Promise<number> {
  const config = loadConfig({ file: await writeConfiguration(dataDir), env: {} });
  const startedAt = performance.now();
  const server = await startServer({ config, log: silentLogger });
  const ms = performance.now() - startedAt;
  await server.close();
  return ms;
}

function against({ full, empty }: Record<keyof Folders, number[]>) {
  return { ours: full, baseline: { name: 'empty store', values: empty } };
}
