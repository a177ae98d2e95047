import { mkdir, readdir, rm } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import RocksDB from 'rocksdb-native';
import { SandglassError } from '../model/errors.ts';
import type { Write } from './commit-request.ts';
import { RecentValues } from './recent-values.ts';
import { openError, readError, writeError } from './rocksdb-errors.ts';
import type { KeyRange } from './scan-range.ts';
import { syncFolder, type WalFile, WalSync } from './wal-sync.ts';

/** `state` is what the port's callers store; `meta` is about the store itself. A write covers one family, atomically. */
export type Family = 'state' | 'meta';

/** Makes the log durable after each write; `WalSync` but for tests. */
export interface LogSync {
  /** `current` tells the log that the last write went to. */
  sync(current: () => Promise<WalFile>): Promise<void>;
  close(): Promise<void>;
}

/** Most entries that an iterator fetches per round trip: longer scans take several, so that memory stays bounded. */
const MAX_FETCH = 1024;
/** Bytes of the latest writes that are kept in memory. */
const RECENT_BYTES = 8 * 1024 * 1024;
/** Logs of RocksDB's own (not write-ahead) that are kept of earlier runs. */
const KEPT_INFO_LOGS = 5;

const OPTIONS = {
  columnFamilies: ['meta'],
  // Damage in the middle of the log refuses to open; only an unfinished record at its end, which nobody was told of, is dropped.
  walRecoveryMode: RocksDB.constants.walRecoveryMode.TOLERATE_CORRUPTED_TAIL_RECORDS,
  // What is in the log is replayed at open: 16 MiB of it take a quarter of a second.
  writeBufferSize: 16 * 1024 * 1024,
  maxBackgroundJobs: 2,
  skipStatsUpdateOnOpen: true,
};

/**
 * A RocksDB database with what its binding lacks: durable writes, and reads of durable data only.
 *
 * RocksDB shows a write to readers before it is synced. A reader here would see what a loss of power takes away again, so
 * everything is read from a snapshot that is taken after each sync: reads show the last write that has returned.
 */
export class RocksdbEngine {
  readonly #path: string;
  readonly #db: RocksDB;
  readonly #families: Record<Family, RocksDB>;
  readonly #log: LogSync;
  /** View of the state as of the last durable write. */
  #durable: RocksDB;
  /** The part of that view that was written lately. */
  readonly #recent = new RecentValues(RECENT_BYTES);

  /**
   * Opens the database at `path`, and creates it, and the folder with mode 0700, if there is none.
   * @throws SandglassError `store_locked`, `store_schema_newer` (column families of a later version), `store_corrupt`, in
   * which case nothing has been changed, `disk_full`, `invalid_config` when access is denied.
   */
  static async open(path: string, log: LogSync = new WalSync(path)): Promise<RocksdbEngine> {
    try {
      await prepareFolder(path);
      const db = new RocksDB(path, OPTIONS);
      await db.ready();
      await removeOldInfoLogs(path).catch(() => undefined); // they cost some space, and no more
      return new RocksdbEngine(path, db, log);
    } catch (thrown) {
      throw thrown instanceof SandglassError ? thrown : openError(path, thrown);
    }
  }

  private constructor(path: string, db: RocksDB, log: LogSync) {
    this.#path = path;
    this.#db = db;
    this.#families = { state: db, meta: db.columnFamily('meta') };
    this.#log = log;
    this.#durable = db.snapshot();
  }

  /** The values of `keys`, in their order, all as of one moment; `undefined` where there is none. @throws SandglassError `store_corrupt`. */
  async read(keys: readonly string[]): Promise<(Buffer | undefined)[]> {
    return this.#recent.find(keys)?.map(asBuffer) ?? (await this.#get(this.#durable, keys));
  }

  /** The value of a key of `meta`. @throws SandglassError `store_corrupt`. */
  async readMeta(key: string): Promise<Buffer | undefined> {
    return (await this.#get(this.#families.meta, [key]))[0];
  }

  /** Up to `limit` keys of the range and their values, in order, all as of one moment. @throws SandglassError `store_corrupt`. */
  async scan({ from, to }: KeyRange, limit: number, reverse: boolean): Promise<{ key: Buffer; value: Buffer }[]> {
    // One more than the limit: then the first round trip knows that it is the last.
    const capacity = Math.min(limit + 1, MAX_FETCH);
    const found: { key: Buffer; value: Buffer }[] = [];
    try {
      for await (const entry of this.#durable.iterator({ gte: from, lt: to, reverse, limit }, { capacity })) found.push(entry);
    } catch (thrown) {
      throw readError(thrown);
    }
    return found;
  }

  /**
   * Applies `writes` in order, all or nothing. When it returns they are durable, and visible. One call at a time.
   * @throws SandglassError `disk_full`, `store_corrupt`, `internal`: whether they are on disk is then not known. They stay
   * invisible; nothing more may be written before the database is opened anew.
   */
  async write(family: Family, writes: readonly Write[]): Promise<void> {
    try {
      const batch = this.#families[family].write({ capacity: writes.length, autoDestroy: true });
      for (const { key, value } of writes) {
        if (value === undefined) batch.tryDelete(key);
        else batch.tryPut(key, value);
      }
      await batch.flush();
      await this.#log.sync(() => this.#currentLog());
    } catch (thrown) {
      throw writeError(this.#path, thrown);
    }
    const previous = this.#durable;
    this.#durable = this.#db.snapshot();
    if (family === 'state') this.#recent.add(writes);
    await previous.close(); // reads under way hold on to it until they are done
  }

  /** Writes what the memory holds of a family to a table file, so that no log is kept, or replayed at open, for its sake. */
  async flush(family: Family): Promise<void> {
    try {
      await this.#families[family].flush();
    } catch (thrown) {
      throw writeError(this.#path, thrown);
    }
  }

  /** Waits for the reads under way, and closes the files. No write may be under way. */
  async close(): Promise<void> {
    await this.#durable.close();
    await this.#db.close();
    await this.#log.close();
  }

  async #currentLog(): Promise<WalFile> {
    const { path, number } = await this.#db.currentWalFile();
    return { name: basename(path), number };
  }

  async #get(view: RocksDB, keys: readonly string[]): Promise<(Buffer | undefined)[]> {
    if (keys.length === 0) return [];
    const batch = view.read({ capacity: keys.length, autoDestroy: true });
    const values = keys.map((key) => batch.get(key));
    batch.tryFlush();
    try {
      return (await Promise.all(values)).map((value) => value ?? undefined);
    } catch (thrown) {
      throw readError(thrown);
    }
  }
}

function asBuffer(bytes: Uint8Array | undefined): Buffer | undefined {
  return bytes && Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Makes the folder, durably. Refuses one from which RocksDB would make a new database over the remains of an old one. */
async function prepareFolder(path: string): Promise<void> {
  const created = await mkdir(path, { recursive: true, mode: 0o700 });
  if (created !== undefined) {
    for (let folder = resolve(path); folder.startsWith(resolve(created)); folder = dirname(folder)) await syncFolder(dirname(folder));
  }
  const names = await readdir(path);
  if (!names.includes('CURRENT') && names.some((name) => /\.(sst|log)$/.test(name))) {
    const message = `${path} is damaged: it has data files, but no file CURRENT; nothing in it has been changed; restore it from a backup`;
    throw new SandglassError('store_corrupt', message);
  }
}

/** RocksDB begins a new log of its own at every open, and keeps a thousand. */
async function removeOldInfoLogs(path: string): Promise<void> {
  const old = (await readdir(path)).filter((name) => name.startsWith('LOG.old.')).sort();
  for (const name of old.slice(0, -KEPT_INFO_LOGS)) await rm(join(path, name), { force: true });
}
