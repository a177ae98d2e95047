import { type Clock, sleep } from '../lib/clock.ts';
import type { Logger } from '../lib/logger.ts';
import { SandglassError } from '../model/errors.ts';
import type { Change, Store } from '../store/store.ts';

interface Follower {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Logger;
  readonly prefix: string;
  readonly signal: AbortSignal;
  /** Called before the changes: what the store holds until then is to be read here. Called anew after a gap. */
  onStart?(): Promise<void>;
  onChange(change: Change): void;
}

const RETRY_MS = 1000;

/** Follows every change below a prefix until `signal` aborts or the store closes, starting over when changes were missed. */
export async function follow(follower: Follower): Promise<void> {
  const { store, clock, log, prefix, signal } = follower;
  while (!signal.aborted) {
    try {
      const after = store.revision();
      await follower.onStart?.();
      for await (const changes of store.watch({ prefix, after, signal })) {
        for (const change of changes) follower.onChange(change);
      }
      return;
    } catch (error) {
      if (signal.aborted || (error instanceof SandglassError && error.reason === 'store_closed')) return;
      if (error instanceof SandglassError && error.reason === 'compacted') continue;
      log.error({ prefix, err: error }, 'following the store failed; starts over');
      await sleep(clock, RETRY_MS, signal).catch(() => {});
    }
  }
}
