import { LABEL } from '../labels.ts';
import type { Engine } from './engine.ts';
import { isConflict } from './engine-errors.ts';

/**
 * The two networks that sandboxes are in: bridges of our own, without traffic between sandboxes. The second has no route
 * out. They are made when they are first needed, and stay.
 */
export class Networks {
  readonly #engine: Engine;
  readonly #name: string;
  readonly #extraLabels: Readonly<Record<string, string>>;

  /** @param name of the first network; the second's is `<name>-internal`. */
  constructor(engine: Engine, name: string, extraLabels: Readonly<Record<string, string>>) {
    this.#engine = engine;
    this.#name = name;
    this.#extraLabels = extraLabels;
  }

  nameFor(allowInternetAccess: boolean): string {
    return allowInternetAccess ? this.#name : `${this.#name}-internal`;
  }

  /** Makes the network. One that is there already, or that somebody else makes at the same time, is fine. */
  async create(allowInternetAccess: boolean, signal: AbortSignal): Promise<void> {
    try {
      await this.#engine.call(signal, (docker) =>
        docker.createNetwork({
          Name: this.nameFor(allowInternetAccess),
          CheckDuplicate: true,
          Driver: 'bridge',
          Internal: !allowInternetAccess,
          Options: { 'com.docker.network.bridge.enable_icc': 'false' },
          Labels: { [LABEL.network]: 'sandboxes', ...this.#extraLabels },
        }),
      );
    } catch (error) {
      if (!isConflict(error)) throw error;
    }
  }
}
