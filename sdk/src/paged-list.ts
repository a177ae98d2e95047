/** One page of a list, newest first. */
export interface Page<T> {
  readonly items: readonly T[];
  /** Absent on the last page. A page can be short, even empty, and still have one after it. */
  readonly next_cursor?: string | undefined;
}

/**
 * A list on the server, newest first. Nothing is fetched before it is asked for: `for await` over the list fetches page
 * after page as the loop gets there.
 */
export class PagedList<T> implements AsyncIterable<T> {
  readonly #fetch: (cursor: string | undefined) => Promise<Page<T>>;

  constructor(fetch: (cursor: string | undefined) => Promise<Page<T>>) {
    this.#fetch = fetch;
  }

  /** The page at `cursor`, which is the page before's `next_cursor`; the first page without it. */
  page(cursor?: string): Promise<Page<T>> {
    return this.#fetch(cursor);
  }

  /** Page after page, to the end. */
  async *pages(): AsyncGenerator<Page<T>, void> {
    let cursor: string | undefined;
    do {
      const page: Page<T> = await this.#fetch(cursor);
      yield page;
      cursor = page.next_cursor;
    } while (cursor !== undefined);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void> {
    for await (const page of this.pages()) yield* page.items;
  }
}
