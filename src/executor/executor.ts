import type { Driver, EngineInfo, SandboxEnded } from '../driver/driver.ts';
import { type BackoffPolicy, backoffMs } from '../lib/backoff.ts';
import { type Clock, sleep } from '../lib/clock.ts';
import type { Logger } from '../lib/logger.ts';
import type { Capacity } from '../model/executor.ts';
import type { ExecutorId, SandboxId } from '../model/ids.ts';
import type { Labels } from '../model/labels.ts';
import type { Introduction } from '../rpc/hello.ts';
import { MAX_TUNNELS } from '../rpc/limits.ts';
import { ProgressThrottle } from '../rpc/progress-throttle.ts';
import { OperationRunner } from './operation-runner.ts';
import { recover } from './recovery.ts';
import { ResultLog } from './result-log.ts';
import { SandboxReach } from './sandbox-reach.ts';
import { SandboxWatch } from './sandbox-watch.ts';
import { ServerSession } from './session.ts';
import { Tunnels } from './tunnels.ts';

/** Durations in milliseconds. */
export interface ExecutorOptions {
  /** The same after every restart on the same host. */
  readonly executorId: ExecutorId;
  readonly hostname: string;
  readonly version: string;
  readonly labels: Labels;
  /** What it offers, given what the engine has. */
  readonly capacity: (engine: EngineInfo) => Capacity;
  readonly driver: Driver;
  /** `http://host:port` of the server's executor port, or `https://…`. */
  readonly serverUrl: string;
  readonly joinToken?: string;
  /** PEM text of the authority that the server's certificate is checked with, instead of the system's. */
  readonly ca?: string;
  /** How many of each run at one time. */
  readonly concurrency: { readonly starts: number; readonly captures: number };
  readonly clock: Clock;
  /** A number in [0, 1). */
  readonly random: () => number;
  readonly log: Logger;
  /** Connections into sandboxes that may be open at one time; 1024 when absent. */
  readonly maxTunnels?: number;
  /** How long `close` waits for operations that run; 20 s when absent. */
  readonly drainMs?: number;
  /** 10 s when absent. */
  readonly connectTimeoutMs?: number;
  /** 30 s when absent: the server reconciles before it answers. */
  readonly welcomeTimeoutMs?: number;
  /** 60 s when absent. */
  readonly sweepIntervalMs?: number;
  /** 1 s to 15 s when absent; the wait is at least half of it. */
  readonly reconnect?: BackoffPolicy;
}

/** A session that lasted this long from its welcome was a good one: the next failure begins the backoff anew. */
const GOOD_SESSION_MS = 1_000;
/** How long the last reports may take on the way out. */
const PARTING_MS = 2_000;
/** Ends of sandboxes that are kept while there is no session. More than that, the next inventory tells. */
const MAX_UNREPORTED = 10_000;

/**
 * The agent on one host: does what the server's operations say with the driver, and reports. Sandboxes outlive it: they run
 * on when it stops, and are found again when it starts.
 */
export class Executor {
  /** For a server in the same process: the way into sandboxes that goes over no connection. It ends with the executor. */
  readonly reach: SandboxReach;
  readonly #options: ExecutorOptions;
  readonly #results: ResultLog;
  readonly #progress: ProgressThrottle;
  readonly #runner: OperationRunner;
  readonly #tunnels: Tunnels;
  readonly #watch: SandboxWatch;
  readonly #unreported = new Map<SandboxId, SandboxEnded>();
  readonly #closing = new AbortController();
  #session: ServerSession | undefined;
  /** When the latest session was welcomed; infinity while it has not been. */
  #readyAt = Number.POSITIVE_INFINITY;
  #running: Promise<void> | undefined;

  constructor(options: ExecutorOptions) {
    this.#options = options;
    const { driver, clock, random, log, concurrency, maxTunnels = MAX_TUNNELS } = options;
    this.reach = new SandboxReach(driver, maxTunnels);
    this.#tunnels = new Tunnels({ reach: this.reach, log, maxCalls: 2 * maxTunnels });
    this.#results = new ResultLog(clock);
    this.#progress = new ProgressThrottle(clock, (ref, progress) => this.#session?.reportProgress(ref, progress));
    this.#runner = new OperationRunner({
      driver,
      clock,
      log,
      results: this.#results,
      concurrency,
      onProgress: (ref, progress) => this.#progress.report(ref, progress),
      onSettled: ({ operationId }) => this.#progress.forget(operationId),
    });
    this.#watch = new SandboxWatch({
      driver,
      clock,
      random,
      log,
      sweepIntervalMs: options.sweepIntervalMs ?? 60_000,
      // After what is at work on it: the server must know of a start before it hears of the end.
      onEnded: (ended) => void this.#runner.afterOperationsOn(ended.sandboxId, () => this.#report(ended)),
    });
  }

  /** Runs until `signal` aborts or `close` is called, then stops as `close` says. */
  run(signal: AbortSignal): Promise<void> {
    this.#running ??= this.#run(signal);
    return this.#running;
  }

  /**
   * Takes no more operations, lets those that run finish for a while, says goodbye to the server. Sandboxes keep running.
   */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#running;
    this.reach.close();
  }

  async #run(signal: AbortSignal): Promise<void> {
    const closing = AbortSignal.any([signal, this.#closing.signal]);
    try {
      await recover(this.#options, closing);
    } catch {
      return; // closed before the engine answered
    }
    const stopped = new AbortController();
    const parts = [this.#watch.run(stopped.signal), this.#keepConnected(stopped.signal)];
    await new Promise<void>((resolve) => {
      if (closing.aborted) resolve();
      closing.addEventListener('abort', () => resolve(), { once: true });
    });
    await this.#runner.close(this.#options.drainMs ?? 20_000);
    this.#progress.stop();
    this.reach.close();
    await this.#leave();
    stopped.abort();
    await Promise.all(parts);
  }

  /** One session after another, with a wait in between, and a fresh connection each. */
  async #keepConnected(signal: AbortSignal): Promise<void> {
    const { clock, random, log, reconnect = { baseMs: 1_000, maxMs: 15_000 } } = this.#options;
    for (let attempt = 1; !signal.aborted; attempt += 1) {
      this.#readyAt = Number.POSITIVE_INFINITY;
      try {
        await this.#runSession(signal);
        log.info({}, 'the session with the server has ended');
      } catch (error) {
        if (!signal.aborted) log.warn({ err: error }, 'not connected to the server');
      }
      this.#session = undefined;
      if (clock.now() - this.#readyAt > GOOD_SESSION_MS) attempt = 1;
      await sleep(clock, backoffMs(reconnect, attempt, random()), signal).catch(() => {});
    }
  }

  async #runSession(signal: AbortSignal): Promise<void> {
    const { serverUrl, joinToken, ca, clock, log, connectTimeoutMs = 10_000, welcomeTimeoutMs = 30_000 } = this.#options;
    const session = new ServerSession({
      serverUrl,
      ...(joinToken === undefined ? {} : { joinToken }),
      ...(ca === undefined ? {} : { ca }),
      clock,
      log,
      connectTimeoutMs,
      welcomeTimeoutMs,
      runner: this.#runner,
      results: this.#results,
      tunnels: this.#tunnels,
      onReady: () => this.#ready(session),
    });
    await session.run(await this.#introduction(signal), signal);
  }

  async #introduction(signal: AbortSignal): Promise<Introduction> {
    const { executorId, hostname, version, labels, capacity, driver } = this.#options;
    const [engine, inventory] = await Promise.all([driver.info(signal), driver.inventory(signal)]);
    return {
      executorId,
      info: {
        hostname,
        version,
        labels,
        capacity: capacity(engine),
        runtimes: engine.runtimes,
        engine: engine.engine,
        limitsDisk: engine.limitsDisk,
      },
      inventory: {
        sandboxes: inventory.sandboxes.map((sandbox) => ({ exitCode: 0, oomKilled: false, ...sandbox })),
        snapshots: inventory.snapshots,
      },
    };
  }

  #ready(session: ServerSession): void {
    this.#session = session;
    this.#readyAt = this.#options.clock.now();
    this.#options.log.info({ server: this.#options.serverUrl }, 'connected to the server');
    for (const ended of this.#unreported.values()) session.reportEnded(ended);
    this.#unreported.clear();
  }

  #report(ended: SandboxEnded): void {
    if (this.#session !== undefined) this.#session.reportEnded(ended);
    else if (this.#unreported.size < MAX_UNREPORTED) this.#unreported.set(ended.sandboxId, ended);
  }

  async #leave(): Promise<void> {
    if (this.#session === undefined) return;
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const cancel = this.#options.clock.schedule(PARTING_MS, resolve);
    this.#session.leave();
    await Promise.race([this.#session.over, late]);
    cancel();
  }
}
