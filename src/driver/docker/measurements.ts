import type Docker from 'dockerode';
import { type Clock, sleep } from '../../lib/clock.ts';
import type { SandboxId } from '../../model/ids.ts';
import type { SandboxMetrics } from '../../model/telemetry.ts';
import type { Engine } from './engine.ts';

/** An earlier measurement of the CPU time serves for its average as long as it is no older than this, and not too fresh. */
const LONGEST_INTERVAL_MS = 10_000;
const SHORTEST_INTERVAL_MS = 100;
/** The engine walks all files to measure the disk. */
const DISK_KEPT_MS = 10_000;
const DISK_PATIENCE_MS = 1000;
const DISK_TIMEOUT_MS = 60_000;

interface Sample {
  readonly at: number;
  readonly cpuTimeMs: number;
}

interface DiskUse {
  readonly measuredAt: number;
  readonly bytes: Promise<number | undefined>;
}

/** Measures what sandboxes use, and keeps for a moment what has been measured. */
export class Measurements {
  readonly #engine: Engine;
  readonly #clock: Clock;
  readonly #samples = new Map<SandboxId, Sample>();
  readonly #disks = new Map<SandboxId, DiskUse>();

  constructor(engine: Engine, clock: Clock) {
    this.#engine = engine;
    this.#clock = clock;
  }

  /** @param container of the sandbox, which runs. */
  async measure(sandboxId: SandboxId, container: Docker.ContainerInspectInfo, signal: AbortSignal): Promise<SandboxMetrics> {
    const disk = this.#diskUse(sandboxId, container.Id, signal);
    const earlier = this.#earlierSample(sandboxId) ?? sampleOf(await this.#stats(container.Id, signal));
    const age = this.#clock.now() - earlier.at;
    if (age < SHORTEST_INTERVAL_MS) await sleep(this.#clock, SHORTEST_INTERVAL_MS - age, signal);
    const stats = await this.#stats(container.Id, signal);
    const { at, cpuTimeMs } = sampleOf(stats);
    this.#samples.set(sandboxId, { at, cpuTimeMs });
    const diskUsedBytes = await disk;
    return {
      at,
      cpus: (container.HostConfig.NanoCpus ?? 0) / 1e9,
      cpuTimeMs,
      cpuUsed: Math.max(0, (cpuTimeMs - earlier.cpuTimeMs) / Math.max(1, at - earlier.at)),
      ...memoryOf(stats),
      ...(diskUsedBytes === undefined ? {} : { diskUsedBytes }),
      processes: stats.pids_stats?.current ?? 0,
      ...trafficOf(stats),
    };
  }

  forget(sandboxId: SandboxId): void {
    this.#samples.delete(sandboxId);
    this.#disks.delete(sandboxId);
  }

  #earlierSample(sandboxId: SandboxId): Sample | undefined {
    const sample = this.#samples.get(sandboxId);
    return sample !== undefined && this.#clock.now() - sample.at <= LONGEST_INTERVAL_MS ? sample : undefined;
  }

  #stats(containerId: string, signal: AbortSignal): Promise<Docker.ContainerStats> {
    const options = { stream: false as const, 'one-shot': true, abortSignal: signal };
    return this.#engine.call(signal, (docker) => docker.getContainer(containerId).stats(options));
  }

  /** The latest measurement, or one that is under way. `undefined` when it takes too long; whoever asks next may find it done. */
  async #diskUse(sandboxId: SandboxId, containerId: string, signal: AbortSignal): Promise<number | undefined> {
    const now = this.#clock.now();
    let use = this.#disks.get(sandboxId);
    if (use === undefined || now - use.measuredAt > DISK_KEPT_MS) {
      use = { measuredAt: now, bytes: this.#measureDisk(containerId) };
      this.#disks.set(sandboxId, use);
    }
    const patience = sleep(this.#clock, DISK_PATIENCE_MS, signal).catch(() => {}); // whoever gave up asks for nothing any more
    return (await Promise.race([use.bytes, patience])) ?? undefined;
  }

  async #measureDisk(containerId: string): Promise<number | undefined> {
    const limit = AbortSignal.timeout(DISK_TIMEOUT_MS);
    const options = { size: true, abortSignal: limit };
    const inspect = (docker: Docker) => docker.getContainer(containerId).inspect(options as Docker.ContainerInspectOptions);
    const found = await this.#engine.call(limit, inspect).catch(() => undefined); // a figure that is missing is no failure
    return (found as { readonly SizeRw?: number } | undefined)?.SizeRw;
  }
}

function sampleOf({ read, cpu_stats: { cpu_usage } }: Docker.ContainerStats): Sample {
  return { at: Date.parse(read), cpuTimeMs: cpu_usage.total_usage / 1e6 };
}

/** Source: Engine API, `GET /containers/{id}/stats`; the names of the kernel's figures differ between control groups v1 and v2. */
function memoryOf({ memory_stats: { usage = 0, limit = 0, stats } }: Docker.ContainerStats) {
  const figures = (stats ?? {}) as unknown as Readonly<Record<string, number | undefined>>;
  const pages = (kind: string) => figures[`total_${kind}`] ?? figures[kind] ?? 0;
  return { memoryUsedBytes: usage, memoryLimitBytes: limit, memoryCacheBytes: pages('inactive_file') + pages('active_file') };
}

function trafficOf({ networks = {} }: Docker.ContainerStats) {
  let [networkReceivedBytes, networkSentBytes] = [0, 0];
  for (const { rx_bytes, tx_bytes } of Object.values(networks)) {
    networkReceivedBytes += rx_bytes;
    networkSentBytes += tx_bytes;
  }
  return { networkReceivedBytes, networkSentBytes };
}
