import type { Duplex } from 'node:stream';
import { SandglassError } from '../model/errors.ts';
import type { SandboxId, SnapshotId } from '../model/ids.ts';
import { parseImageReference } from '../model/image-reference.ts';
import type { Captured } from '../model/snapshot.ts';
import type { LogLine, LogsRequest, SandboxMetrics } from '../model/telemetry.ts';
import type { CaptureRequest, Driver, EngineInfo, Inventory, OnProgress, SandboxEnded, StartRequest } from './driver.ts';
import { type FakeContainer, FakeEngine } from './fake-engine.ts';
import { FakeLog } from './fake-log.ts';
import { FakeCrash, FaultPlan } from './fault-plan.ts';

export interface FakeDriverOptions {
  /** The engine that it drives; one of its own when absent. */
  readonly engine?: FakeEngine;
  readonly info?: Partial<EngineInfo>;
  /** Makes a connection to the guest of a sandbox; without it, no guest comes. */
  readonly guest?: (container: FakeContainer) => Duplex;
}

/** The same observable contract as a real driver, in memory. Its `faults` make it slow, fail or die at a named step. */
export class FakeDriver implements Driver {
  readonly engine: FakeEngine;
  readonly faults = new FaultPlan();
  /** How often each method has been called. */
  readonly calls = new Map<keyof Driver, number>();
  readonly #info: EngineInfo;
  readonly #guest: FakeDriverOptions['guest'];

  constructor(options: FakeDriverOptions = {}) {
    this.engine = options.engine ?? new FakeEngine();
    this.#info = { engine: 'fake 1', cpus: 8, memoryMb: 16_384, runtimes: ['fake'], limitsDisk: false, ...options.info };
    this.#guest = options.guest;
  }

  async info(signal: AbortSignal): Promise<EngineInfo> {
    this.#called('info');
    await this.faults.at('info', signal);
    return this.#info;
  }

  async recover(signal: AbortSignal): Promise<void> {
    this.#called('recover');
    await this.faults.at('recover', signal);
    for (const [sandboxId, container] of this.engine.containers) {
      if (container.state === 'created') this.engine.containers.delete(sandboxId);
      if (container.frozenBy === 'capture') thaw(container);
    }
  }

  async inventory(signal: AbortSignal): Promise<Inventory> {
    this.#called('inventory');
    await this.faults.at('inventory', signal);
    const sandboxes = [...this.engine.containers.values()].flatMap(({ request, state, exitCode, oomKilled }) => {
      const { sandboxId, clusterId } = request;
      if (state === 'created') return [];
      return [state === 'exited' ? { sandboxId, clusterId, state, exitCode, oomKilled } : { sandboxId, clusterId, state }];
    });
    const snapshots = [...this.engine.images.values()].map(({ snapshotId, clusterId, digest }) => ({ snapshotId, clusterId, digest }));
    return { sandboxes, snapshots };
  }

  async startSandbox(request: StartRequest, onProgress: OnProgress, signal: AbortSignal): Promise<void> {
    this.#called('startSandbox');
    const { sandboxId } = request;
    const existing = this.engine.containers.get(sandboxId);
    if (existing?.state === 'running' || existing?.state === 'paused') return;
    this.engine.containers.delete(sandboxId);

    await this.faults.at('start.fetch', signal);
    const files = this.#imageFiles(request);
    onProgress({ phase: 'pulling', bytesDone: 1, bytesTotal: 1 });
    await this.faults.at('start.create', signal);
    const ended = new AbortController();
    const container: FakeContainer = {
      request,
      state: 'created',
      files,
      exitCode: 0,
      oomKilled: false,
      ended,
      log: new FakeLog(ended.signal),
    };
    this.engine.containers.set(sandboxId, container);
    try {
      await this.faults.at('start.run', signal);
    } catch (error) {
      if (!(error instanceof FakeCrash)) this.engine.containers.delete(sandboxId);
      throw error;
    }
    container.state = 'running';
  }

  async stopSandbox(sandboxId: SandboxId, signal: AbortSignal): Promise<void> {
    this.#called('stopSandbox');
    await this.faults.at('stop.end', signal);
    const container = this.engine.containers.get(sandboxId);
    if (container === undefined) return;
    container.state = 'exited';
    container.exitCode = 137;
    container.ended.abort();
    await this.faults.at('stop.remove', signal);
    this.engine.containers.delete(sandboxId);
  }

  async pauseSandbox(sandboxId: SandboxId, signal: AbortSignal): Promise<void> {
    this.#called('pauseSandbox');
    const container = this.#live(sandboxId);
    await this.faults.at('pause.freeze', signal);
    container.state = 'paused';
    container.frozenBy = 'user';
  }

  async resumeSandbox(sandboxId: SandboxId, signal: AbortSignal): Promise<void> {
    this.#called('resumeSandbox');
    const container = this.#live(sandboxId);
    await this.faults.at('resume.thaw', signal);
    thaw(container);
  }

  async connectGuest(sandboxId: SandboxId, signal: AbortSignal): Promise<Duplex> {
    this.#called('connectGuest');
    const container = this.#live(sandboxId);
    if (container.state === 'paused' && container.frozenBy === 'user') throw notRunning(sandboxId, 'is paused');
    await this.faults.at('guest.connect', signal);
    if (this.#guest === undefined) throw new SandglassError('guest_unavailable', 'the guest of the sandbox does not come');
    return this.#guest(container);
  }

  async *logs({ sandboxId, ...request }: LogsRequest, signal: AbortSignal): AsyncIterable<LogLine> {
    this.#called('logs');
    const container = this.engine.containers.get(sandboxId);
    if (container === undefined) throw notRunning(sandboxId, 'is not here');
    await this.faults.at('logs.open', signal);
    yield* container.log.read(request, signal);
  }

  /** Figures that are always the same, for the limits that the sandbox has. */
  async metrics(sandboxId: SandboxId, signal: AbortSignal): Promise<SandboxMetrics> {
    this.#called('metrics');
    const { cpus, memoryMb } = this.#live(sandboxId).request.spec.resources;
    await this.faults.at('metrics.read', signal);
    return {
      at: 1,
      cpus,
      cpuTimeMs: 1500,
      cpuUsed: cpus / 2,
      memoryUsedBytes: 4_000_000,
      memoryLimitBytes: memoryMb * 1024 * 1024,
      memoryCacheBytes: 1_000_000,
      diskUsedBytes: 12_345,
      processes: 2,
      networkReceivedBytes: 300,
      networkSentBytes: 200,
    };
  }

  async captureSnapshot(request: CaptureRequest, onProgress: OnProgress, signal: AbortSignal): Promise<Captured> {
    this.#called('captureSnapshot');
    const { sandboxId, snapshotId, clusterId, imageRef } = request;
    const container = this.#live(sandboxId);
    await this.faults.at('capture.freeze', signal);
    const captureFreezes = container.state === 'running';
    if (captureFreezes) freeze(container, 'capture');
    try {
      onProgress({ phase: 'capturing', bytesDone: 0 });
      await this.faults.at('capture.commit', signal);
      const image =
        this.engine.images.get(snapshotId) ?? this.engine.addImage({ snapshotId, clusterId, imageRef, files: new Map(container.files) });
      await this.faults.at('capture.thaw', signal);
      if (captureFreezes) thaw(container);
      const sizeBytes = [...image.files.values()].reduce((sum, content) => sum + content.length, 0);
      return { digest: image.digest, sizeBytes, layerCount: 1, freezeMs: 1, captureMs: 2 };
    } catch (error) {
      if (captureFreezes && !(error instanceof FakeCrash)) thaw(container);
      throw error;
    }
  }

  async removeSnapshot(snapshotId: SnapshotId, signal: AbortSignal): Promise<void> {
    this.#called('removeSnapshot');
    await this.faults.at('remove.image', signal);
    this.engine.images.delete(snapshotId);
  }

  async *events(signal: AbortSignal): AsyncIterable<SandboxEnded> {
    this.#called('events');
    const queue: (SandboxEnded | 'gone')[] = [];
    let wake = () => {};
    const unsubscribe = this.engine.subscribe((event) => {
      queue.push(event);
      wake();
    });
    const onAbort = () => wake();
    signal.addEventListener('abort', onAbort);
    try {
      await this.faults.at('events.open', signal);
      while (!signal.aborted) {
        const event = queue.shift();
        if (event === 'gone') this.engine.assertThere();
        else if (event !== undefined) yield event;
        else await new Promise<void>((resolve) => (wake = resolve));
      }
    } finally {
      unsubscribe();
      signal.removeEventListener('abort', onAbort);
    }
  }

  #called(method: keyof Driver): void {
    this.calls.set(method, (this.calls.get(method) ?? 0) + 1);
    this.engine.assertThere();
  }

  /** The sandbox's container while it runs or is paused. */
  #live(sandboxId: SandboxId): FakeContainer {
    const container = this.engine.containers.get(sandboxId);
    if (container?.state === 'running' || container?.state === 'paused') return container;
    throw notRunning(sandboxId, container === undefined ? 'is not here' : 'has ended');
  }

  #imageFiles({ spec, snapshot }: StartRequest): Map<string, Buffer> {
    if (spec.runtime !== undefined && !this.#info.runtimes.includes(spec.runtime)) {
      throw new SandglassError('unsupported_runtime', `the engine has no runtime ${JSON.stringify(spec.runtime)}`);
    }
    if (spec.resources.diskMb !== undefined && !this.#info.limitsDisk) {
      throw new SandglassError('invalid_resources', 'the storage of this engine cannot limit the disk');
    }
    if (snapshot === undefined) {
      parseImageReference(spec.image);
      if (!this.engine.missingImages.has(spec.image)) return new Map();
      throw new SandglassError('image_not_found', `there is no image ${spec.image}`);
    }
    const image = this.engine.images.get(snapshot.snapshotId);
    if (image?.digest === snapshot.digest && image.imageRef === snapshot.imageRef) return new Map(image.files);
    throw new SandglassError('snapshot_unavailable', `the image of ${snapshot.snapshotId} is not on this executor`);
  }
}

function freeze(container: FakeContainer, by: 'user' | 'capture'): void {
  container.state = 'paused';
  container.frozenBy = by;
}

function thaw(container: FakeContainer): void {
  if (container.state === 'paused') container.state = 'running';
  delete container.frozenBy;
}

function notRunning(sandboxId: SandboxId, state: string): SandglassError {
  return new SandglassError('sandbox_not_running', `sandbox ${sandboxId} ${state}`);
}
