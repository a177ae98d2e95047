import type { EngineEnvironment } from '../driver/docker/find-engine.ts';
import { compact } from '../lib/compact.ts';
import type { Logger } from '../lib/logger.ts';
import type { SandglassError } from '../model/errors.ts';
import type { ExecutorId } from '../model/ids.ts';
import { generateApiKey, hashApiKey } from './api-keys.ts';
import { Closers } from './closers.ts';
import type { Config } from './config.ts';
import { startExecutor } from './executor.ts';
import { startServer } from './server.ts';

export interface UpOptions {
  readonly config: Config;
  readonly log: Logger;
  /** Where an engine is looked for. */
  readonly env: EngineEnvironment;
  /** Hears of slow steps of the start. */
  readonly report?: (line: string) => void;
  /** Aborts the start. */
  readonly signal?: AbortSignal;
}

/** Server and executor in one process. */
export interface Up {
  /** Of the REST API. */
  readonly url: string;
  readonly executorId: ExecutorId;
  /** Resolves when the server can't go on and is to be started anew. */
  readonly failed: Promise<SandglassError>;
  /** Takes no more requests, lets what runs finish, then stops the executor and the server. Sandboxes keep running. */
  close(): Promise<void>;
}

/** Starts a server and an executor that is connected to it. @throws what `startServer` and `startExecutor` throw. */
export async function startUp({ config, log, env, report, signal }: UpOptions): Promise<Up> {
  // Where no token is configured, one that nobody else knows keeps other users of the machine from posing as an executor.
  const token = config.server.joinTokenHash === undefined ? generateApiKey() : undefined;
  const closers = new Closers();
  try {
    const server = await startServer({ config, log, ...compact({ signal, joinTokenHash: token && hashApiKey(token) }) });
    closers.add(() => server.close());
    const executor = await startExecutor({
      config,
      log,
      env,
      serverUrl: server.executorUrl,
      ...compact({ signal, report, joinToken: token }),
    });
    closers.add(() => executor.close());
    server.links.addLocal(executor.id, executor.reach);
    return { url: server.url, executorId: executor.id, failed: server.failed, close: () => closers.close() };
  } catch (error) {
    await closers.close();
    throw error;
  }
}
