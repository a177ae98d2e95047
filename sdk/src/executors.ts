import type { CallOptions } from './call-options.ts';
import { path } from './paths.ts';
import type { Transport } from './transport.ts';
import type { Executor } from './types.ts';

/** The machines that sandboxes run on. With a key that is bound to a namespace they can be read only. */
export class Executors {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  async list({ signal }: CallOptions = {}): Promise<readonly Executor[]> {
    const { body } = await this.#transport.json<{ executors: readonly Executor[] }>({
      method: 'GET',
      path: '/v1/executors',
      repeatable: 'safe',
      signal,
    });
    return body.executors;
  }

  /** @throws SandglassError `executor_not_found`. */
  async get(executorId: string, { signal }: CallOptions = {}): Promise<Executor> {
    const call = { method: 'GET', path: path`/v1/executors/${executorId}`, repeatable: 'safe', signal } as const;
    return (await this.#transport.json<Executor>(call)).body;
  }

  /** Lets it take no new sandboxes; those on it go on. @throws SandglassError `executor_not_found`. */
  async cordon(executorId: string, { signal }: CallOptions = {}): Promise<Executor> {
    const call = { method: 'POST', path: path`/v1/executors/${executorId}/cordon`, repeatable: 'safe', signal } as const;
    return (await this.#transport.json<Executor>(call)).body;
  }

  /** Lets it take sandboxes again. @throws SandglassError `executor_not_found`. */
  async uncordon(executorId: string, { signal }: CallOptions = {}): Promise<Executor> {
    const call = { method: 'POST', path: path`/v1/executors/${executorId}/uncordon`, repeatable: 'safe', signal } as const;
    return (await this.#transport.json<Executor>(call)).body;
  }
}
