import type Docker from 'dockerode';
import { engineError } from './engine-errors.ts';
import { type EngineEnvironment, findEngine } from './find-engine.ts';

/** The connection to the engine, made at the first call. Every call to the Engine API goes through `call`. */
export class Engine {
  readonly #explicit: string | undefined;
  readonly #env: EngineEnvironment;
  #docker: Docker | undefined;

  constructor(explicit: string | undefined, env: EngineEnvironment) {
    this.#explicit = explicit;
    this.#env = env;
  }

  /**
   * Runs one request. `request` passes `signal` on as dockerode's `abortSignal` where giving up half-way is safe.
   * @throws SandglassError as `engineError` maps it, or the signal's reason.
   */
  async call<T>(signal: AbortSignal, request: (docker: Docker) => Promise<T>): Promise<T> {
    signal.throwIfAborted();
    try {
      this.#docker ??= await findEngine(this.#explicit, this.#env, signal);
      return await request(this.#docker);
    } catch (thrown) {
      signal.throwIfAborted();
      const error = engineError(thrown);
      if (error.reason === 'engine_unavailable') this.#docker = undefined; // it may come back elsewhere
      throw error;
    }
  }
}
