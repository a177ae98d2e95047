import type { Change, Revision, Store } from '../../src/store/store.ts';

/** A store seen by a test: values are text, and what it holds can be shown at once. */
export class StoreWorld {
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  /** Commits the texts under their keys. */
  put(texts: Readonly<Record<string, string>>): Promise<Revision> {
    return this.#store.commit({ puts: Object.entries(texts).map(([key, text]) => ({ key, value: Buffer.from(text) })) });
  }

  async show(key: string): Promise<{ key: string; text: string; revision: Revision } | undefined> {
    const entry = await this.#store.get(key);
    return entry && { key: entry.key, text: Buffer.from(entry.value).toString(), revision: entry.revision };
  }

  /** The keys below `prefix`, read page by page. */
  async pages(prefix: string, limit: number, reverse = false): Promise<string[]> {
    const keys: string[] = [];
    for (;;) {
      const after = keys.at(-1);
      const page = await this.#store.scan({ prefix, limit, reverse, keysOnly: true, ...(after === undefined ? {} : { after }) });
      keys.push(...page.map(({ key }) => key));
      if (page.length < limit) return keys;
    }
  }

  /** Everything in it: texts by key. */
  async dump(): Promise<Record<string, string>> {
    const entries = await this.#store.scan({ prefix: '', limit: 100_000 });
    return Object.fromEntries(entries.map(({ key, value }) => [key, Buffer.from(value).toString()]));
  }

  watch(
    prefix: string,
    after: Revision,
    signal: AbortSignal = new AbortController().signal,
  ): AsyncIterator<readonly Change[]> & AsyncIterable<readonly Change[]> {
    return this.#store.watch({ prefix, after, signal })[Symbol.asyncIterator]() as AsyncIterableIterator<readonly Change[]>;
  }
}
