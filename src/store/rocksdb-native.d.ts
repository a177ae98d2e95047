/** The part of `rocksdb-native` 3.18 (JavaScript over an N-API addon, untyped) that this folder uses. */
declare module 'rocksdb-native' {
  interface Options {
    /** Column families beside `default`; created when missing. All that exist must be named. */
    columnFamilies?: readonly string[];
    walRecoveryMode?: number;
    /** Bytes of one memtable, per column family. */
    writeBufferSize?: number;
    maxWriteBufferNumber?: number;
    maxBackgroundJobs?: number;
    skipStatsUpdateOnOpen?: boolean;
    /** Bytes. */
    tableBlockSize?: number;
    tableCacheIndexAndFilterBlocks?: boolean;
  }

  interface Range {
    gte?: string;
    lt?: string;
    reverse?: boolean;
    limit?: number;
  }

  /** Reads of one moment: `get` adds one, `tryFlush` starts them; with `autoDestroy` it frees itself afterwards. */
  interface ReadBatch {
    get(key: string): Promise<Buffer | null>;
    tryFlush(): void;
  }

  /** Writes in order, applied together by `flush`. The addon reads the buffers while it runs. */
  interface WriteBatch {
    tryPut(key: string, value: Uint8Array): void;
    tryDelete(key: string): void;
    flush(): Promise<void>;
  }

  /** The log that the latest write went to. `path` is relative to the folder of the database, with a leading `/`. */
  interface WalFile {
    path: string;
    number: number;
  }

  class RocksDB {
    static readonly constants: { readonly walRecoveryMode: { readonly TOLERATE_CORRUPTED_TAIL_RECORDS: number } };

    constructor(path: string, options?: Options);
    ready(): Promise<void>;
    /** Another view of the same database, on a column family. */
    columnFamily(name: string): RocksDB;
    /** Another view of the same database, at this moment. */
    snapshot(): RocksDB;
    read(options?: { capacity?: number; autoDestroy?: boolean }): ReadBatch;
    write(options?: { capacity?: number; autoDestroy?: boolean }): WriteBatch;
    /** `capacity`: entries fetched per round trip to the thread pool. */
    iterator(range: Range, options?: { capacity?: number }): AsyncIterable<{ key: Buffer; value: Buffer }>;
    /** Writes the memtable of the view's column family to a table file. */
    flush(): Promise<void>;
    currentWalFile(): Promise<WalFile>;
    /** Frees the view; on the database itself, waits for what is under way and closes everything. */
    close(): Promise<void>;
  }

  export default RocksDB;
}
