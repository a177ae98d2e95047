import { afterEach } from 'vitest';
import type { ControlContext, ControlSettings } from '../../src/control/context.ts';
import { type ControlPlane, createControlPlane } from '../../src/control/control-plane.ts';
import type { CreateSandboxRequest, CreateSnapshotRequest } from '../../src/control/requests.ts';
import { silentLogger } from '../../src/lib/logger.ts';
import { newId } from '../../src/main/new-id.ts';
import type { ExecutorInfo } from '../../src/model/executor.ts';
import { type ExecutorId, type Namespace, parseNamespace } from '../../src/model/ids.ts';
import type { Sandbox } from '../../src/model/sandbox.ts';
import type { Snapshot } from '../../src/model/snapshot.ts';
import { MemoryStore } from '../../src/store/memory-store.ts';
import { FakeClock } from './fake-clock.ts';
import { ScriptedExecutor } from './scripted-executor.ts';

export const CLUSTER = 'cluster-under-test';
export const NS: Namespace = parseNamespace('default');

const SETTINGS: ControlSettings = {
  defaultImage: 'sandglass/base:1',
  defaultResources: { cpus: 1, memoryMb: 512 },
  defaultSandboxTimeoutSecs: 0,
  defaultSnapshotTtlSecs: 1_209_600,
  maxSnapshotsPerNamespace: 100,
  snapshotCleanupIntervalSecs: 3600,
  failedSnapshotRetentionSecs: 86_400,
  terminatedSandboxRetentionSecs: 86_400,
  executorGraceSecs: 120,
  sandboxStartDeadlineSecs: 600,
  operationTimeoutSecs: { start: 600, stop: 60, pause: 30, capture: 600, remove: 120 },
  retry: { maxAttempts: 3, backoff: { baseMs: 1000, maxMs: 60_000 } },
};

export const ROOMY: ExecutorInfo = {
  hostname: 'host-1',
  version: '0.0.0',
  labels: {},
  capacity: { cpus: 64, memoryMb: 65_536, maxSandboxes: 200 },
  runtimes: ['runc'],
  engine: 'scripted 1',
  limitsDisk: false,
};

const worlds: ControlWorld[] = [];
afterEach(async () => {
  await Promise.all(worlds.splice(0).map((world) => world.close()));
});

/** A control plane on a store in memory and a clock that stands still, with executors that do as they are told. */
export class ControlWorld {
  readonly store = new MemoryStore();
  readonly clock = new FakeClock();
  readonly stale: string[] = [];
  readonly settings: ControlSettings;
  plane: ControlPlane;
  readonly #executors: ScriptedExecutor[] = [];

  private constructor(settings: Partial<ControlSettings>) {
    this.settings = { ...SETTINGS, ...settings };
    this.plane = this.#newPlane();
  }

  static async create(settings: Partial<ControlSettings> = {}): Promise<ControlWorld> {
    const world = new ControlWorld(settings);
    worlds.push(world);
    await world.plane.start();
    return world;
  }

  #newPlane(): ControlPlane {
    const context: ControlContext = {
      store: this.store,
      clock: this.clock,
      newId,
      random: () => 1,
      settings: this.settings,
      log: silentLogger,
      metrics: { staleReport: (kind) => this.stale.push(kind), operationFinished() {}, queueDepth() {} },
    };
    return createControlPlane(context, CLUSTER);
  }

  get control() {
    return this.plane.control;
  }

  /** Connects an executor that carries out nothing until told to, unless `auto`. */
  async connect(options: { info?: Partial<ExecutorInfo>; auto?: boolean; id?: ExecutorId } = {}): Promise<ScriptedExecutor> {
    const executor = new ScriptedExecutor(options.id ?? newId('executor'), { ...ROOMY, ...options.info }, options.auto ?? false);
    this.#executors.push(executor);
    await executor.connect(this.plane.gateway);
    return executor;
  }

  /** What a restart of the server does: the connections break, and a new control plane begins on the same store. */
  async restart(): Promise<void> {
    for (const executor of this.#executors) executor.drop();
    await this.plane.close();
    this.plane = this.#newPlane();
    await this.plane.start();
    for (const executor of this.#executors) if (executor.reconnects) await executor.connect(this.plane.gateway);
  }

  async close(): Promise<void> {
    for (const executor of this.#executors) executor.drop();
    await this.plane.close();
    await this.store.close();
  }

  /** Lets hours pass one by one, and what they set off happen. */
  async passHours(hours: number): Promise<void> {
    for (let i = 0; i < hours; i++) {
      this.clock.advance(3_600_000);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** A sandbox that runs on an executor that carries out what it is told. */
  async runningSandbox(request: CreateSandboxRequest = {}): Promise<Sandbox> {
    const { id } = await this.control.createSandbox(NS, request);
    return await this.sandbox(id, ({ status }) => status === 'running');
  }

  async activeSnapshot(sandbox: Sandbox, request: CreateSnapshotRequest = {}): Promise<Snapshot> {
    const { id } = await this.control.createSnapshot(NS, sandbox.id, request);
    return await this.snapshot(id, ({ status }) => status === 'active');
  }

  /** The sandbox as soon as `condition` holds for it. */
  async sandbox(id: Sandbox['id'], condition: (sandbox: Sandbox) => boolean): Promise<Sandbox> {
    return await first(this.control.watchSandbox(NS, id, AbortSignal.timeout(5000)), condition, `sandbox ${id}`);
  }

  /** The snapshot as soon as `condition` holds for it. */
  async snapshot(id: Snapshot['id'], condition: (snapshot: Snapshot) => boolean): Promise<Snapshot> {
    const observed = this.control.watchSnapshot(NS, id, AbortSignal.timeout(5000));
    return (await first(observed, ({ snapshot }) => condition(snapshot), `snapshot ${id}`)).snapshot;
  }

  /** Resolves when the snapshot is gone. */
  async gone(id: Snapshot['id']): Promise<void> {
    const signal = AbortSignal.timeout(5000);
    try {
      for await (const _ of this.control.watchSnapshot(NS, id, signal));
    } catch (error) {
      if ((error as { reason?: string }).reason === 'snapshot_not_found') return;
      throw error;
    }
    signal.throwIfAborted();
  }
}

async function first<T>(items: AsyncIterable<T>, condition: (item: T) => boolean, what: string): Promise<T> {
  let last: T | undefined;
  for await (const item of items) {
    if (condition(item)) return item;
    last = item;
  }
  throw new Error(`${what} never came to it; the last state seen: ${JSON.stringify(last)}`);
}
