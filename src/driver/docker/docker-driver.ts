import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { type Clock, systemClock } from '../../lib/clock.ts';
import { KeyedMutex } from '../../lib/keyed-mutex.ts';
import type { Logger } from '../../lib/logger.ts';
import type { ExecutorId, SandboxId, SnapshotId } from '../../model/ids.ts';
import type { Captured } from '../../model/snapshot.ts';
import type { LogLine, LogsRequest, SandboxMetrics } from '../../model/telemetry.ts';
import type { CaptureRequest, Driver, EngineInfo, Inventory, OnProgress, SandboxEnded, StartRequest } from '../driver.ts';
import { GuestDoors } from '../guest-doors.ts';
import { AbandonedCaptures } from './abandoned-captures.ts';
import { captureSnapshot } from './capture-snapshot.ts';
import { connectGuest } from './connect-guest.ts';
import type { DockerContext } from './docker-context.ts';
import { Engine } from './engine.ts';
import { readEngineInfo } from './engine-info.ts';
import type { EngineEnvironment } from './find-engine.ts';
import { ImageConfigs } from './image-configs.ts';
import { inventory } from './inventory.ts';
import { Measurements } from './measurements.ts';
import { Networks } from './networks.ts';
import { OwnContainers } from './own-containers.ts';
import { PauseMarkers } from './pause-markers.ts';
import { pauseSandbox, resumeSandbox } from './pause-sandbox.ts';
import type { RegistryCredentials } from './pull-image.ts';
import { sandboxLogs } from './read-logs.ts';
import { recover } from './recover.ts';
import { ensureRuntimeBundle, type RuntimeBundle } from './runtime-bundle.ts';
import { requireRunning } from './sandbox-containers.ts';
import { removeSnapshotImages } from './snapshot-images.ts';
import { startSandbox } from './start-sandbox.ts';
import { stopSandbox } from './stop-sandbox.ts';
import { VolumelessImages } from './volumeless-images.ts';
import { watchEnds } from './watch-ends.ts';

const INFO_TIMEOUT_MS = 30_000;

export interface DockerDriverOptions {
  readonly executorId: ExecutorId;
  /** Folder of our own on the engine's host: the runtime bundle (130 MB), the guests' sockets, and what must survive a crash. */
  readonly dataDir: string;
  /** `unix:///path` or `tcp://host:port`; found by `findEngine` when absent. */
  readonly engine?: string | undefined;
  /** The environment in which an engine is looked for. */
  readonly env: EngineEnvironment;
  /** How to log in to registries; others are used without. */
  readonly registries?: readonly RegistryCredentials[];
  /** Processes and threads in one sandbox, at most; 1024 when absent. */
  readonly pidsLimit?: number;
  /** How long an entrypoint may take to end after SIGTERM; 5 when absent. */
  readonly stopGraceSecs?: number;
  /** How long, after a crash, the engine is given to finish a capture and thaw its sandbox itself; 30,000 when absent. */
  readonly thawPatienceMs?: number;
  /** Name of the network of sandboxes; `sandglass` when absent. */
  readonly networkName?: string;
  /** On top of ours, on everything that is made. */
  readonly extraLabels?: Readonly<Record<string, string>>;
  /** The Node that the guest runs on; this process's when absent. */
  readonly node?: string;
  readonly clock?: Clock;
  readonly log: Logger;
}

/**
 * The driver for the Docker Engine (API 1.41, Docker 20.10, and later). Why it works the way it does is in
 * `docs/decisions/0003-docker-driver.md`. Nothing happens at construction; the engine is looked for at the first call.
 */
export class DockerDriver implements Driver {
  readonly #context: DockerContext;
  /** Starting and stopping one sandbox exclude one another. */
  readonly #starts = new KeyedMutex<SandboxId>();
  /** So does all that freezes or thaws it. */
  readonly #freezes = new KeyedMutex<SandboxId>();
  /** Commits that the engine works on: it goes on with them when nobody waits any more. */
  readonly #captures = new Map<SnapshotId, Promise<Captured>>();

  constructor(options: DockerDriverOptions) {
    const { executorId, dataDir, log, extraLabels = {}, clock = systemClock } = options;
    const engine = new Engine(options.engine, options.env);
    const imageConfigs = new ImageConfigs(engine);
    const bundleRoot = join(dataDir, 'runtime');
    let bundle: Promise<RuntimeBundle> | undefined;
    let info: Promise<EngineInfo> | undefined;
    this.#context = {
      engine,
      executorId,
      networks: new Networks(engine, options.networkName ?? 'sandglass', extraLabels),
      volumelessImages: new VolumelessImages(engine),
      markers: new PauseMarkers(join(dataDir, 'paused')),
      doors: new GuestDoors({ root: join(dataDir, 'guests'), clock, log }),
      measurements: new Measurements(engine, clock),
      ownContainers: new OwnContainers(),
      abandonedCaptures: new AbandonedCaptures({ engine, clock, log, patienceMs: options.thawPatienceMs ?? 30_000 }),
      registries: options.registries ?? [],
      pidsLimit: options.pidsLimit ?? 1024,
      stopGraceSecs: options.stopGraceSecs ?? 5,
      extraLabels,
      clock,
      log,
      bundleRoot,
      bundle: () =>
        (bundle ??= forgetFailure(ensureRuntimeBundle(bundleRoot, options.node ?? process.execPath), () => (bundle = undefined))),
      imageConfig: (imageId, signal) => imageConfigs.get(imageId, signal),
      engineInfo: () => (info ??= forgetFailure(readEngineInfo(engine, AbortSignal.timeout(INFO_TIMEOUT_MS)), () => (info = undefined))),
    };
  }

  info(signal: AbortSignal): Promise<EngineInfo> {
    return readEngineInfo(this.#context.engine, signal);
  }

  recover(signal: AbortSignal): Promise<void> {
    return recover(this.#context, signal);
  }

  inventory(signal: AbortSignal): Promise<Inventory> {
    return inventory(this.#context, signal);
  }

  startSandbox(request: StartRequest, onProgress: OnProgress, signal: AbortSignal): Promise<void> {
    return this.#starts.run(request.sandboxId, () => startSandbox(this.#context, request, onProgress, signal));
  }

  stopSandbox(sandboxId: SandboxId, signal: AbortSignal): Promise<void> {
    return this.#starts.run(sandboxId, () => stopSandbox(this.#context, sandboxId, signal));
  }

  pauseSandbox(sandboxId: SandboxId, signal: AbortSignal): Promise<void> {
    return this.#freezes.run(sandboxId, () => pauseSandbox(this.#context, sandboxId, signal));
  }

  resumeSandbox(sandboxId: SandboxId, signal: AbortSignal): Promise<void> {
    return this.#freezes.run(sandboxId, () => resumeSandbox(this.#context, sandboxId, signal));
  }

  connectGuest(sandboxId: SandboxId, signal: AbortSignal): Promise<Duplex> {
    return connectGuest(this.#context, sandboxId, signal);
  }

  logs(request: LogsRequest, signal: AbortSignal): AsyncIterable<LogLine> {
    return sandboxLogs(this.#context, request, signal);
  }

  async metrics(sandboxId: SandboxId, signal: AbortSignal): Promise<SandboxMetrics> {
    const { engine, executorId, measurements } = this.#context;
    return measurements.measure(sandboxId, await requireRunning(engine, executorId, sandboxId, signal), signal);
  }

  /** A commit cannot be called off. A call that is given up leaves it to the engine; a repeated call waits for the same one. */
  captureSnapshot(request: CaptureRequest, onProgress: OnProgress, signal: AbortSignal): Promise<Captured> {
    const { sandboxId, snapshotId } = request;
    const capture =
      this.#captures.get(snapshotId) ??
      this.#freezes
        .run(sandboxId, () => captureSnapshot(this.#context, request, onProgress))
        .finally(() => this.#captures.delete(snapshotId));
    this.#captures.set(snapshotId, capture);
    return settledOrAborted(capture, signal);
  }

  async removeSnapshot(snapshotId: SnapshotId, signal: AbortSignal): Promise<void> {
    const capture = this.#captures.get(snapshotId);
    if (capture !== undefined) await settledOrAborted(Promise.allSettled([capture]), signal);
    await removeSnapshotImages(this.#context.engine, snapshotId, signal);
  }

  events(signal: AbortSignal): AsyncIterable<SandboxEnded> {
    return watchEnds(this.#context, signal);
  }

  /** Ends all connections to guests, who wait for the next driver of this executor. Sandboxes keep running. */
  async close(): Promise<void> {
    await this.#context.doors.close();
  }
}

/** `promise`, of which the keeper forgets a failure, so that the next call tries again. */
function forgetFailure<T>(promise: Promise<T>, forget: () => void): Promise<T> {
  promise.catch(forget);
  return promise;
}

/** Settles as `promise` does, or rejects with the signal's reason as soon as it aborts. */
function settledOrAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  if (signal.aborted) {
    promise.catch(() => {});
    return Promise.reject(signal.reason);
  }
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = () => reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  return Promise.race([promise, aborted]).finally(() => signal.removeEventListener('abort', onAbort));
}
