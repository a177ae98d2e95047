/**
 * Runs the benchmarks: `npm run bench -- [NAME…] [--quick] [--json FILE]`. Without names, all of them. Ends with 1 when a
 * bound is missed, or something failed; with 130 after Ctrl-C. `docs/benchmarks.md` explains the figures.
 */
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { SandglassError } from '../src/model/errors.ts';
import { commandLatency } from './command-latency.ts';
import { commitRate } from './commit-rate.ts';
import { controlPlaneScale } from './control-plane-scale.ts';
import { fileTransfer } from './file-transfer.ts';
import { guestDensity } from './guest-density.ts';
import type { Benchmark } from './lib/benchmark.ts';
import { cpuWaits, describeMachine, machine } from './lib/machine.ts';
import type { Measurement } from './lib/measurement.ts';
import { describeBound, reportTable } from './lib/report.ts';
import { restoreOverhead } from './restore-overhead.ts';
import { snapshotOverhead } from './snapshot-overhead.ts';

const BENCHMARKS: readonly Benchmark[] = [
  snapshotOverhead,
  restoreOverhead,
  commandLatency,
  fileTransfer,
  guestDensity,
  commitRate,
  controlPlaneScale,
];

const { values: options, positionals: names } = parseArgs({
  allowPositionals: true,
  options: { quick: { type: 'boolean', default: false }, json: { type: 'string' } },
});
const unknown = names.filter((name) => !BENCHMARKS.some((benchmark) => benchmark.name === name));
if (unknown.length > 0) {
  console.error(`no benchmark ${unknown.join(', ')}; there are ${BENCHMARKS.map(({ name }) => name).join(', ')}`);
  process.exit(2);
}

const interrupt = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    console.error(`${signal}: clearing away`);
    interrupt.abort(new Error('interrupted'));
  });
}

const facts = machine();
const startedAt = new Date();
const waited = cpuWaits();
const measurements: Measurement[] = [];
try {
  for (const benchmark of BENCHMARKS) {
    if (names.length === 0 || names.includes(benchmark.name)) await runBenchmark(benchmark);
  }
} catch (error) {
  if (interrupt.signal.aborted) process.exit(130);
  console.error(error instanceof SandglassError ? `error: ${error.message}` : error);
  process.exit(1);
}
const seconds = (Date.now() - startedAt.getTime()) / 1000;
const waitingShare = waited === undefined ? undefined : ((cpuWaits() ?? waited) - waited) / seconds;
console.log(`\n${describeMachine(facts, waitingShare)}`);
if (options.json !== undefined) {
  const report = { startedAt, seconds, quick: options.quick, machine: facts, waitingShare, measurements };
  await writeFile(options.json, `${JSON.stringify(report, undefined, 2)}\n`);
}
const missed = measurements.flatMap(({ name, bounds }) =>
  bounds.filter(({ met }) => !met).map((bound) => `${name}: ${describeBound(bound)}`),
);
for (const line of missed) console.error(line);
process.exitCode = missed.length > 0 ? 1 : 0;

async function runBenchmark(benchmark: Benchmark): Promise<void> {
  console.log(`\n${benchmark.title}\n`);
  const own: Measurement[] = [];
  const note = (line: string) => console.error(`  … ${line}`);
  for await (const measured of benchmark.run({ quick: options.quick, signal: interrupt.signal, note })) own.push(measured);
  console.log(reportTable(own));
  measurements.push(...own);
}
