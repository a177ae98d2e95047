/**
 * Items filed under prefixes, found by the keys that begin with them. A look-up costs one map access per distinct length of
 * prefix, however many items there are: watches of single objects have prefixes of a few lengths only.
 */
export class PrefixIndex<T> {
  readonly #items = new Map<string, Set<T>>();
  /** How many prefixes there are of each length. */
  readonly #lengths = new Map<number, number>();

  add(prefix: string, item: T): void {
    const items = this.#items.get(prefix);
    if (items !== undefined) {
      items.add(item);
      return;
    }
    this.#items.set(prefix, new Set([item]));
    this.#lengths.set(prefix.length, (this.#lengths.get(prefix.length) ?? 0) + 1);
  }

  delete(prefix: string, item: T): void {
    const items = this.#items.get(prefix);
    if (items === undefined || !items.delete(item) || items.size > 0) return;
    this.#items.delete(prefix);
    const count = (this.#lengths.get(prefix.length) ?? 0) - 1;
    if (count > 0) this.#lengths.set(prefix.length, count);
    else this.#lengths.delete(prefix.length);
  }

  /** Every item whose prefix `key` begins with. */
  *matching(key: string): Generator<T> {
    for (const length of this.#lengths.keys()) {
      if (length > key.length) continue;
      const items = this.#items.get(key.slice(0, length));
      if (items !== undefined) yield* items;
    }
  }

  /** Every item. */
  *values(): Generator<T> {
    for (const items of this.#items.values()) yield* items;
  }
}
