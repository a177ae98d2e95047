import type Docker from 'dockerode';
import { KeyedMutex } from '../../lib/keyed-mutex.ts';
import { LABEL } from '../labels.ts';
import type { Engine } from './engine.ts';
import { isConflict, orUndefinedIfMissing } from './engine-errors.ts';

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
  readonly #turns = new KeyedMutex<string>();

  constructor(engine: Engine, name: string, extraLabels: Readonly<Record<string, string>>) {
    this.#engine = engine;
    this.#name = name;
    this.#extraLabels = extraLabels;
  }

  nameFor(allowInternetAccess: boolean): string {
    return allowInternetAccess ? this.#name : NO_NETWORK;
  }

  /**
   * Makes sure that there is one network of that name. The engine may make two when it is asked twice at the same time, and
   * then attaches nothing to either: all but the oldest are removed again.
   */
  create(signal: AbortSignal): Promise<void> {
    return this.#turns.run(this.#name, async () => {
      if ((await this.#list(signal)).length === 0) await this.#make(signal);
      await this.#removeSpares(signal);
    });
  }

  /** One that somebody else makes at the same time is fine. */
  async #make(signal: AbortSignal): Promise<void> {
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

  /** Whoever does this at the same time keeps the same one. */
  async #removeSpares(signal: AbortSignal): Promise<void> {
    const [, ...spares] = (await this.#list(signal)).sort((a, b) => compare(age(a), age(b)));
    for (const { Id, Labels } of spares) {
      if (Labels?.[LABEL.network] === undefined) continue; // somebody else's
      await orUndefinedIfMissing(this.#engine.call(signal, (docker) => docker.getNetwork(Id).remove({ abortSignal: signal })));
    }
  }

  async #list(signal: AbortSignal): Promise<Docker.NetworkInspectInfo[]> {
    const filters = JSON.stringify({ name: [this.#name] }); // also finds names that contain it
    const found = await this.#engine.call(signal, (docker) => docker.listNetworks({ filters, abortSignal: signal }));
    return found.filter(({ Name }) => Name === this.#name);
  }
}

/** What is somebody else's comes first: it can't be removed. */
function age({ Id, Created, Labels }: Docker.NetworkInspectInfo): string {
  return `${Labels?.[LABEL.network] === undefined ? 0 : 1} ${Created} ${Id}`;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
