import { Engine } from '../driver/docker/engine.ts';
import type { EngineEnvironment } from '../driver/docker/find-engine.ts';

/** What an engine says about itself. */
export interface EngineFacts {
  /** Such as `20.10.24`. */
  readonly version: string;
  readonly apiVersion: string;
  readonly storageDriver: string;
  /** Such as `runc` and `runsc`. */
  readonly runtimes: readonly string[];
}

/**
 * Asks the engine about itself, for `sandglass doctor`.
 * @param explicit the configured engine, such as `unix:///var/run/docker.sock`; without it, the usual places are tried.
 * @throws SandglassError `engine_unavailable`, with what was tried.
 */
export async function inspectEngine(explicit: string | undefined, env: EngineEnvironment, signal: AbortSignal): Promise<EngineFacts> {
  const engine = new Engine(explicit, env);
  const version = await engine.call(signal, (docker) => docker.version());
  const info = await engine.call(signal, (docker) => docker.info());
  return {
    version: version.Version,
    apiVersion: version.ApiVersion,
    storageDriver: info.Driver,
    runtimes: Object.keys(info.Runtimes ?? {}).sort(),
  };
}
