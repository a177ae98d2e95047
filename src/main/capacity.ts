import type { EngineInfo } from '../driver/driver.ts';
import type { Capacity } from '../model/executor.ts';
import type { Config } from './config.ts';

/** Sandboxes are idle most of the time: `docs/configuration.md` says what is risked by promising more than there is. */
const CPU_OVERCOMMIT = 8;
const MEMORY_OVERCOMMIT = 2;

/** What an executor promises: what is configured, else a multiple of what its host has. */
export function executorCapacity(configured: Config['executor']['capacity'], host: Pick<EngineInfo, 'cpus' | 'memoryMb'>): Capacity {
  return {
    cpus: configured.cpus ?? host.cpus * CPU_OVERCOMMIT,
    memoryMb: configured.memoryMb ?? host.memoryMb * MEMORY_OVERCOMMIT,
    maxSandboxes: configured.maxSandboxes,
  };
}
