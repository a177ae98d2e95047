import { readFileSync } from 'node:fs';
import { cpus, loadavg, release, totalmem } from 'node:os';

/** What the figures depend on. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryMb: number;
  readonly kernel: string;
  readonly node: string;
  /** Average number of runnable tasks over the last minute: what else the machine was doing. */
  readonly load: number;
}

export function machine(): Machine {
  const cores = cpus();
  return {
    cpu: cores[0]?.model ?? 'unknown',
    cores: cores.length,
    memoryMb: Math.round(totalmem() / 1e6),
    kernel: release(),
    node: process.versions.node,
    load: loadavg()[0] ?? 0,
  };
}

/** Seconds since the machine's start in which at least one task waited for a CPU; undefined where the kernel does not count. */
export function cpuWaits(): number | undefined {
  try {
    const total = /^some .*total=(\d+)/.exec(readFileSync('/proc/pressure/cpu', 'utf8'))?.[1];
    return total === undefined ? undefined : Number(total) / 1e6;
  } catch {
    return undefined;
  }
}

/** One line. `waitingShare`: of the run, the part in which something waited for a CPU. */
export function describeMachine({ cpu, cores, memoryMb, kernel, node, load }: Machine, waitingShare: number | undefined): string {
  const waits = waitingShare === undefined ? '' : `, something waited for a CPU ${(100 * waitingShare).toFixed(0)} % of the time`;
  return `${cpu}, ${cores} cores, ${memoryMb} MB, Linux ${kernel}, Node ${node}; load before the run ${load.toFixed(1)}${waits}`;
}
