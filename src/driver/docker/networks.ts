import { LABEL } from '../labels.ts';
import type { Engine } from './engine.ts';
import { isConflict } from './engine-errors.ts';

/** The engine's network of containers that reach only themselves. */
const NO_NETWORK = 'none';

/**
 * The network that sandboxes are in: a bridge of our own, without traffic between sandboxes. It is made when it is first
 * needed, and stays. Sandboxes without internet access get none but their own loopback: a bridge that the engine calls internal
 * still leads to the host.
 */
export class Networks {
  readonly #engine: Engine;
  readonly #name: string;
  readonly #extraLabels: Readonly<Record<string, string>>;

  constructor(engine: Engine, name: string, extraLabels: Readonly<Record<string, string>>) {
    this.#engine = engine;
    this.#name = name;
    this.#extraLabels = extraLabels;
  }

  nameFor(allowInternetAccess: boolean): string {
    return allowInternetAccess ? this.#name : NO_NETWORK;
  }

  /** Makes the network. One that is there already, or that somebody else makes at the same time, is fine. */
  async create(signal: AbortSignal): Promise<void> {
    try {
      await this.#engine.call(signal, (docker) =>
        docker.createNetwork({
          Name: this.#name,
          CheckDuplicate: true,
          Driver: 'bridge',
          Options: { 'com.docker.network.bridge.enable_icc': 'false' },
          Labels: { [LABEL.network]: 'sandboxes', ...this.#extraLabels },
        }),
      );
    } catch (error) {
      if (!isConflict(error)) throw error;
    }
  }
}
