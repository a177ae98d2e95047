/**
 * What is remembered until all events have been read twice. Once is not enough: the kernel tells a change just after it can be seen,
 * and the two ends of a rename one after the other, so that a reader may get between.
 */
export class Recent<K, V> {
  #young = new Map<K, V>();
  #old = new Map<K, V>();

  set(key: K, value: V): void {
    this.#young.set(key, value);
  }

  get(key: K): V | undefined {
    return this.#young.get(key) ?? this.#old.get(key);
  }

  /** @returns whether it was there. */
  delete(key: K): boolean {
    return this.#young.delete(key) || this.#old.delete(key);
  }

  values(): V[] {
    return [...this.#old.values(), ...this.#young.values()];
  }

  /** All events have been read. @returns what is forgotten. */
  age(): Map<K, V> {
    const forgotten = this.#old;
    this.#old = this.#young;
    this.#young = new Map();
    return forgotten;
  }
}
