import { compact } from '../lib/compact.ts';
import type { Entry, ScanRequest, Store } from '../store/store.ts';

const PAGE = 1000;

/** Every entry of a scan, a page at a time: what is written meanwhile may or may not be among them. */
export async function* scanAll(store: Store, request: Omit<ScanRequest, 'limit' | 'reverse'>): AsyncGenerator<Entry> {
  let { after } = request;
  for (;;) {
    const entries = await store.scan({ ...request, ...compact({ after }), limit: PAGE });
    yield* entries;
    if (entries.length < PAGE) return;
    after = entries.at(-1)?.key;
  }
}
