import type { CommitRequest, Store } from '../../src/store/store.ts';

/** Has `act` done just before the first commit that `isIt` names reaches the store: between what was read for it and what it writes. */
export function beforeCommit(store: Store, isIt: (request: CommitRequest) => boolean, act: () => Promise<unknown>): void {
  const commit = store.commit.bind(store);
  store.commit = async (request) => {
    if (isIt(request)) {
      store.commit = commit;
      await act();
    }
    return await commit(request);
  };
}

/** True for a commit that writes a record below `prefix` whose JSON contains `text`. */
export function writes({ puts = [] }: CommitRequest, prefix: string, text: string): boolean {
  return puts.some(({ key, value }) => key.startsWith(prefix) && Buffer.from(value).toString().includes(text));
}
