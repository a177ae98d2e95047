/** The tasks of one key that have not settled yet. */
interface Lane {
  /** Settles with the latest exclusive task. */
  exclusive: Promise<void>;
  /** Shared tasks that came after it. */
  shared: Set<Promise<void>>;
  /** How many tasks run or wait. */
  tasks: number;
}

/**
 * Runs tasks with the same key in order of arrival: shared ones that follow one another at the same time, an exclusive one
 * alone. Tasks with different keys do not wait for one another.
 */
export class KeyedGate<K> {
  readonly #lanes = new Map<K, Lane>();

  /** Runs `task` once every earlier task of `key` has settled; later ones wait for it. Settles as it does. */
  exclusive<T>(key: K, task: () => Promise<T>): Promise<T> {
    const lane = this.#enter(key);
    const result = lane.tasks === 1 ? task() : Promise.all([lane.exclusive, ...lane.shared]).then(task);
    lane.exclusive = this.#leaveAfter(key, lane, result);
    lane.shared = new Set();
    return result;
  }

  /** Runs `task` once every earlier exclusive task of `key` has settled; later exclusive ones wait for it. Settles as it does. */
  shared<T>(key: K, task: () => Promise<T>): Promise<T> {
    const lane = this.#enter(key);
    const result = lane.exclusive.then(task);
    const { shared } = lane;
    const settled = this.#leaveAfter(key, lane, result).then(() => void shared.delete(settled));
    shared.add(settled);
    return result;
  }

  #enter(key: K): Lane {
    const lane = this.#lanes.get(key) ?? { exclusive: Promise.resolve(), shared: new Set(), tasks: 0 };
    this.#lanes.set(key, lane);
    lane.tasks += 1;
    return lane;
  }

  #leaveAfter(key: K, lane: Lane, result: Promise<unknown>): Promise<void> {
    const leave = () => {
      lane.tasks -= 1;
      if (lane.tasks === 0) this.#lanes.delete(key);
    };
    return result.then(leave, leave);
  }
}
