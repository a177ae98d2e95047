import { mkdir } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { DockerDriver } from '../driver/docker/docker-driver.ts';
import type { EngineEnvironment } from '../driver/docker/find-engine.ts';
import { Executor } from '../executor/executor.ts';
import type { SandboxReach } from '../executor/sandbox-reach.ts';
import { systemClock } from '../lib/clock.ts';
import { compact } from '../lib/compact.ts';
import type { Logger } from '../lib/logger.ts';
import type { ExecutorId } from '../model/ids.ts';
import { ensureBaseImage } from './base-image.ts';
import { baseImageWays } from './base-image-ways.ts';
import { executorCapacity } from './capacity.ts';
import { Closers } from './closers.ts';
import type { Config } from './config.ts';
import { BASE_IMAGE } from './config-schema.ts';
import { executorIdentity } from './executor-identity.ts';
import { connectImageEngine } from './image-engine.ts';
import { newId } from './new-id.ts';
import { lockFolder } from './process-lock.ts';
import { VERSION } from './version.ts';

export interface ExecutorOptions {
  readonly config: Config;
  readonly log: Logger;
  /** Where an engine is looked for. */
  readonly env: EngineEnvironment;
  /** Instead of the configured ones. */
  readonly serverUrl?: string;
  readonly joinToken?: string;
  /** Hears of slow steps of the start. */
  readonly report?: (line: string) => void;
  /** Aborts the start. */
  readonly signal?: AbortSignal;
}

/** An executor that runs; it connects, and connects again, by itself. */
export interface RunningExecutor {
  readonly id: ExecutorId;
  /** The way into its sandboxes for a server in the same process. */
  readonly reach: SandboxReach;
  /** Lets operations that run finish, and says goodbye to the server. Sandboxes keep running. */
  close(): Promise<void>;
}

/**
 * Puts the executor of this host together and starts it, with the default image in its engine.
 * @throws SandglassError `store_locked`, `invalid_config`, `engine_unavailable`, `image_not_found`.
 */
export async function startExecutor(options: ExecutorOptions): Promise<RunningExecutor> {
  const { config, log, env, report = (line) => log.info({}, line), signal = new AbortController().signal } = options;
  const settings = config.executor;
  const dataDir = join(config.dataDir, 'executor');
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const closers = new Closers();
  closers.add(await lockFolder(dataDir, 'executor'));
  try {
    const executorId = await executorIdentity(dataDir, newId);
    if (config.server.defaultImage === BASE_IMAGE) {
      const engine = connectImageEngine(settings.engine, env);
      await ensureBaseImage(BASE_IMAGE, engine, baseImageWays(engine), report, signal);
    }
    const driver = new DockerDriver({
      executorId,
      dataDir,
      engine: settings.engine,
      env,
      registries: settings.registries,
      pidsLimit: settings.pidsLimit,
      networkName: settings.networkName,
      extraLabels: settings.engineLabels,
      log,
    });
    closers.add(() => driver.close());
    const executor = new Executor({
      executorId,
      hostname: hostname(),
      version: VERSION,
      labels: settings.labels,
      capacity: (engine) => executorCapacity(settings.capacity, engine),
      driver,
      serverUrl: options.serverUrl ?? settings.serverUrl,
      concurrency: { starts: settings.concurrentStarts, captures: settings.concurrentCaptures },
      clock: systemClock,
      random: Math.random,
      log: log.child({ executorId }),
      ...compact({ joinToken: options.joinToken ?? settings.joinToken }),
    });
    void executor.run(new AbortController().signal);
    closers.add(() => executor.close());
    return { id: executorId, reach: executor.reach, close: () => closers.close() };
  } catch (error) {
    await closers.close();
    throw error;
  }
}
