import { readFile, statfs } from 'node:fs/promises';
import { availableParallelism, freemem, totalmem } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';

/** What the sandbox uses, with the names of envd. */
export interface GuestMetrics {
  /** Epoch seconds. */
  readonly ts: number;
  readonly cpu_count: number;
  /** Of all CPUs that it may use, 0 to 100, since the measurement before or over a moment. */
  readonly cpu_used_pct: number;
  /** Bytes. */
  readonly mem_total: number;
  /** Bytes, without `mem_cache`. */
  readonly mem_used: number;
  /** Bytes that the kernel can take back. */
  readonly mem_cache: number;
  /** Bytes on the disk of `/`. */
  readonly disk_used: number;
  readonly disk_total: number;
}

const MOMENT_MS = 100;

interface CpuSample {
  /** By a clock that only goes forward. */
  readonly atMs: number;
  readonly usedMs: number;
}

/** Measures the sandbox from within: by its control groups, and by the machine where they have no limit. */
export class MetricsReader {
  readonly #root: string;
  #before: CpuSample | undefined;

  /** @param root where the control groups of the sandbox are mounted. */
  constructor(root = '/sys/fs/cgroup') {
    this.#root = root;
  }

  async read(): Promise<GuestMetrics> {
    const [cpus, memory, disk] = await Promise.all([this.#cpuCount(), this.#memory(), statfs('/')]);
    return {
      ts: Math.floor(Date.now() / 1000),
      cpu_count: Math.ceil(cpus),
      cpu_used_pct: Math.round(((await this.#cpuCoresUsed()) * 10_000) / cpus) / 100,
      ...memory,
      disk_used: (disk.blocks - disk.bfree) * disk.bsize,
      disk_total: disk.blocks * disk.bsize,
    };
  }

  async #cpuCount(): Promise<number> {
    const [v2, quotaV1, periodV1] = await Promise.all([
      this.#text('cpu.max'),
      this.#number('cpu/cpu.cfs_quota_us'),
      this.#number('cpu/cpu.cfs_period_us'),
    ]);
    const [quota, period] = v2 === undefined ? [quotaV1, periodV1] : v2.split(' ').map(Number);
    const limit = quota !== undefined && period !== undefined && quota > 0 ? quota / period : Number.POSITIVE_INFINITY;
    return Math.min(limit, availableParallelism());
  }

  async #cpuCoresUsed(): Promise<number> {
    const before = this.#before ?? (await this.#cpuSample());
    if (performance.now() - before.atMs < MOMENT_MS) await sleep(MOMENT_MS);
    const after = await this.#cpuSample();
    this.#before = after;
    return Math.max(0, (after.usedMs - before.usedMs) / (after.atMs - before.atMs));
  }

  async #cpuSample(): Promise<CpuSample> {
    const stat = await this.#text('cpu.stat');
    const micros = Number(/^usage_usec (\d+)/m.exec(stat ?? '')?.[1]);
    const usedMs = Number.isNaN(micros) ? ((await this.#number('cpuacct/cpuacct.usage')) ?? 0) / 1e6 : micros / 1000;
    return { atMs: performance.now(), usedMs };
  }

  async #memory(): Promise<Pick<GuestMetrics, 'mem_total' | 'mem_used' | 'mem_cache'>> {
    const isV2 = (await this.#text('memory.current')) !== undefined;
    const names = isV2
      ? { used: 'memory.current', limit: 'memory.max', stat: 'memory.stat', cache: 'file' }
      : { used: 'memory/memory.usage_in_bytes', limit: 'memory/memory.limit_in_bytes', stat: 'memory/memory.stat', cache: 'cache' };
    const [used, limit, stat] = await Promise.all([this.#number(names.used), this.#number(names.limit), this.#text(names.stat)]);
    const total = Math.min(limit ?? Number.POSITIVE_INFINITY, totalmem());
    const cache = Number(new RegExp(`^${names.cache} (\\d+)`, 'm').exec(stat ?? '')?.[1] ?? 0);
    return { mem_total: total, mem_used: Math.max(0, (used ?? totalmem() - freemem()) - cache), mem_cache: cache };
  }

  /** Undefined when the file is not there, and when it says `max`. */
  async #number(name: string): Promise<number | undefined> {
    const value = Number(await this.#text(name));
    return Number.isNaN(value) ? undefined : value;
  }

  /** Undefined when the file is not there: the other version of control groups has it, or none. */
  async #text(name: string): Promise<string | undefined> {
    return readFile(`${this.#root}/${name}`, 'utf8').catch(() => undefined);
  }
}
