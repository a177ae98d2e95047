/**
 * The store's logical clock. It grows with every commit; nobody relies on it growing by one, nor on its being dense.
 * 0 is before the first commit.
 */
export type Revision = number;

/** A key and its value, with the revision of the commit that last wrote it. */
export interface Entry {
  readonly key: string;
  readonly value: Uint8Array;
  readonly revision: Revision;
}

/** One change in a commit. A deletion has no value. */
export interface Change {
  readonly key: string;
  readonly value: Uint8Array | undefined;
  readonly revision: Revision;
}

/** Holds at commit when `key` was last written at `revision`; with `undefined`, when there is no such key. */
export interface Check {
  readonly key: string;
  readonly revision: Revision | undefined;
}

export interface CommitRequest {
  readonly checks?: readonly Check[];
  readonly puts?: readonly { readonly key: string; readonly value: Uint8Array }[];
  readonly deletes?: readonly string[];
}

export interface ScanRequest {
  /** Keys that begin with it, in the order of their bytes. */
  readonly prefix: string;
  /** Only keys after this one in the direction of the scan; it need not exist. It begins with `prefix`. */
  readonly after?: string;
  /** Only keys before this one in byte order (not included). It begins with `prefix`. */
  readonly before?: string;
  /** Most entries, at least 1. */
  readonly limit: number;
  /** Last key first. */
  readonly reverse?: boolean;
  /** Leaves the values empty, which is faster. */
  readonly keysOnly?: boolean;
}

/**
 * An ordered key-value store: the port that controllers and handlers are written against. Small enough for an embedded
 * engine in one process and for a replicated one in a cluster. It knows no clocks, ids or business rules.
 *
 * Keys are non-empty strings of printable ASCII, at most 1,024 long; values are at most 4 MiB.
 *
 * Every method throws `store_closed` after `close`.
 */
export interface Store {
  /** The entry of `key`, as of the latest commit. */
  get(key: string): Promise<Entry | undefined>;

  /** The entries of `keys`, in their order; `undefined` where there is none. All as of one moment. */
  getMany(keys: readonly string[]): Promise<readonly (Entry | undefined)[]>;

  /** Up to `limit` entries in order, all as of one moment. Fewer than `limit` means that there are no more. */
  scan(request: ScanRequest): Promise<readonly Entry[]>;

  /**
   * Applies everything or nothing. When it returns, the change survives a crash of the process and a loss of power.
   * A key occurs at most once among `puts` and `deletes`; deleting a key that does not exist is allowed, and is a change.
   * @returns the revision of the commit; with neither puts nor deletes, a revision at which the checks held.
   * @throws SandglassError `aborted` when a check does not hold: read again and decide anew; `too_many_requests` when too
   * much waits to be written. After `disk_full`, `store_corrupt` or `internal` nobody knows whether the commit took place:
   * it is not shown, and no other is accepted, until the store is opened anew.
   */
  commit(request: CommitRequest): Promise<Revision>;

  /**
   * Every change of keys that begin with `prefix`, in the order of commits, from the first commit after `after` on, for
   * ever. The changes of one commit (those below the prefix) come together. Ends without an error when `signal` aborts.
   * @throws SandglassError `compacted` when the changes from there on are no longer known, or the reader has fallen too
   * far behind, or `after` has not been reached yet: scan again, and watch from the revision read before the scan.
   */
  watch(request: { prefix: string; after: Revision; signal: AbortSignal }): AsyncIterable<readonly Change[]>;

  /** The revision of the latest commit. What is read later is at least as new. */
  revision(): Revision;

  /** Finishes the commits under way, ends the watches, and frees the store. Repeated: does nothing. */
  close(): Promise<void>;
}
