import { SandglassError } from '../../model/errors.ts';
import type { RecordCodec } from '../../store/records.ts';
import type { Revision, Store } from '../../store/store.ts';

export interface Observed<T> {
  readonly object: T;
  readonly revision: Revision;
}

/**
 * The object of `key` now, then after each change; ends when it is gone, or `signal` aborts. When changes have been missed
 * it goes on with the object as it is by then.
 * @throws `notFound()` when there is none to begin with.
 */
export async function* watchObject<T>(
  store: Store,
  key: string,
  codec: RecordCodec<T>,
  notFound: () => SandglassError,
  signal: AbortSignal,
): AsyncGenerator<Observed<T>> {
  for (let found = false; !signal.aborted; found = true) {
    const after = store.revision();
    const entry = await store.get(key);
    if (entry === undefined) {
      if (found) return;
      throw notFound();
    }
    yield { object: codec.decode(entry.value), revision: entry.revision };
    try {
      // What the read above has already seen is not told again.
      for await (const changes of store.watch({ prefix: key, after: Math.max(after, entry.revision), signal })) {
        const change = changes.at(-1);
        if (change?.value === undefined) return;
        yield { object: codec.decode(change.value), revision: change.revision };
      }
      return;
    } catch (error) {
      if (!(error instanceof SandglassError) || error.reason !== 'compacted') throw error;
    }
  }
}
