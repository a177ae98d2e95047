/** Runs tasks that share a key one after another, in order of arrival. A task can have several keys; others do not wait for one another. */
export class Lanes {
  readonly #tails = new Map<string, Promise<void>>();

  /** Runs `task` once every earlier task with any of `keys` has settled, and settles as it does. */
  run<T>(keys: readonly string[], task: () => Promise<T>): Promise<T> {
    const earlier = keys.map((key) => this.#tails.get(key)).filter((tail) => tail !== undefined);
    const result = earlier.length === 0 ? task() : Promise.all(earlier).then(task);
    const leave = () => {
      for (const key of keys) {
        if (this.#tails.get(key) === tail) this.#tails.delete(key);
      }
    };
    const tail: Promise<void> = result.then(leave, leave);
    for (const key of keys) this.#tails.set(key, tail);
    return result;
  }
}
