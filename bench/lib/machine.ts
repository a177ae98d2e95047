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
