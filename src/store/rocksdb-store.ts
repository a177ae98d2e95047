import { randomUUID } from 'node:crypto';
import { type Logger, silentLogger } from '../lib/logger.ts';
import { SandglassError } from '../model/errors.ts';
import type { BacklogLimits } from './backlog.ts';
import { type CommitLog, CommitQueue } from './commit-queue.ts';
import { sealCommit } from './commit-request.ts';
import { assertKey, KEY_END } from './key-rules.ts';
import { MIGRATIONS, type Migration, migrate, type StoreManifest, schemaVersionAfter } from './migrations.ts';
import { type LogSync, RocksdbEngine } from './rocksdb-engine.ts';
import { scanRange } from './scan-range.ts';
import type { Change, CommitRequest, Entry, Revision, ScanRequest, Store } from './store.ts';
import { decodeStored, encodeStored } from './stored-value.ts';
import { WatchHub, type WatchRequest } from './watch-hub.ts';

/** Holds the revision of the latest commit; written with every group of commits. No key of the port sorts as low, so no scan shows it. */
const REVISION_KEY = '\0revision';
/** In the family `meta`: the store's manifest, as JSON. */
const MANIFEST_KEY = 'manifest';

const EMPTY = new Uint8Array(0);

export interface RocksdbStoreOptions {
  /** Folder of the store, made when there is none. One process at a time may have it open. */
  readonly path: string;
  readonly log?: Logger;
  /** Called once when the store gives up writing (`disk_full`, `store_corrupt`, `internal`): it still reads, and is to be opened anew. */
  readonly onFailed?: (failure: SandglassError) => void;
  /** Stops a migration between two steps. */
  readonly signal?: AbortSignal;
  readonly migrations?: readonly Migration[];
  readonly watchLimits?: BacklogLimits;
  /** Makes the cluster id of a new store. */
  readonly newClusterId?: () => string;
  /** How the log is made durable; for tests of what happens when it can't be. */
  readonly logSync?: LogSync;
}

/**
 * The store of one process, embedded: RocksDB in a folder. Commits are grouped, and answered once they are on the disk
 * itself; reads and watches show nothing that is not. `docs/decisions/0002-embedded-store.md` says why it is as it is.
 *
 * When a group can't be written or synced, its commits and all later ones are refused: what the disk holds of it is not
 * known until the store is opened anew. Reads go on, and show what was durable before it.
 */
export class RocksdbStore implements Store {
  /** Random, made with the store and kept in it. */
  readonly clusterId: string;
  readonly #engine: RocksdbEngine;
  readonly #queue: CommitQueue;
  readonly #hub: WatchHub;
  readonly #log: Logger;
  #closing: Promise<void> | undefined;

  /**
   * @throws SandglassError `store_locked` when another process has it open; `store_schema_newer` when a later version of
   * Sandglass has written it; `store_corrupt` when files are damaged, which are left as they are; `disk_full`; `invalid_config`
   * when access is denied.
   */
  static async open(options: RocksdbStoreOptions): Promise<RocksdbStore> {
    const { log = silentLogger, migrations = MIGRATIONS, signal } = options;
    const engine = await RocksdbEngine.open(options.path, options.logSync);
    try {
      const manifest = (await readManifest(engine)) ?? (await newManifest(engine, options));
      const store = new RocksdbStore(engine, manifest.clusterId, await readRevision(engine), options);
      const save = (changed: StoreManifest) => saveManifest(engine, changed);
      await migrate({ store, manifest, save, migrations, log, ...(signal === undefined ? {} : { signal }) });
      return store;
    } catch (error) {
      await engine.close();
      throw error;
    }
  }

  private constructor(engine: RocksdbEngine, clusterId: string, revision: Revision, options: RocksdbStoreOptions) {
    const { log = silentLogger, watchLimits, onFailed } = options;
    this.clusterId = clusterId;
    this.#engine = engine;
    this.#log = log;
    this.#hub = new WatchHub(revision, watchLimits);
    this.#queue = new CommitQueue(commitLog(engine), revision, {
      onDurable: (changes) => this.#hub.publish(changes),
      onFailed: (failure) => {
        log.error({ err: failure }, 'the store failed, and takes no more commits until it is opened anew');
        onFailed?.(failure);
      },
    });
  }

  async get(key: string): Promise<Entry | undefined> {
    return (await this.getMany([key]))[0];
  }

  async getMany(keys: readonly string[]): Promise<readonly (Entry | undefined)[]> {
    this.#assertOpen();
    for (const key of keys) assertKey(key);
    const stored = await this.#engine.read(keys);
    return stored.map((bytes, index) => bytes && { key: keys[index] as string, ...decodeStored(bytes) });
  }

  async scan(request: ScanRequest): Promise<readonly Entry[]> {
    this.#assertOpen();
    const range = scanRange(request);
    if (range.from >= range.to) return [];
    const found = await this.#engine.scan(range, request.limit, request.reverse ?? false);
    return found.map(({ key, value }) => {
      const entry = { key: key.toString('latin1'), ...decodeStored(value) };
      return request.keysOnly ? { ...entry, value: EMPTY } : entry;
    });
  }

  async commit(request: CommitRequest): Promise<Revision> {
    this.#assertOpen();
    return await this.#queue.submit(sealCommit(request));
  }

  watch(request: WatchRequest): AsyncIterable<readonly Change[]> {
    this.#assertOpen();
    return this.#hub.watch(request);
  }

  revision(): Revision {
    this.#assertOpen();
    return this.#queue.revision;
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.#queue.drain();
    this.#hub.close();
    if (this.#queue.failure === undefined) {
      const warn = (err: unknown) => this.#log.warn({ err }, 'the store could not be flushed; its log has everything');
      await this.#engine.flush('state').catch(warn);
    }
    await this.#engine.close();
  }

  #assertOpen(): void {
    if (this.#closing !== undefined) throw new SandglassError('store_closed', 'the store is closed');
  }
}

function commitLog(engine: RocksdbEngine): CommitLog {
  return {
    async revisionsOf(keys) {
      return (await engine.read(keys)).map((stored) => stored && decodeStored(stored).revision);
    },
    async append(changes, revision) {
      const writes = changes.map(({ key, value, revision: at }) => ({ key, value: value && encodeStored(value, at) }));
      await engine.write('state', [...writes, { key: REVISION_KEY, value: encodeStored(EMPTY, revision) }]);
    },
  };
}

async function readRevision(engine: RocksdbEngine): Promise<Revision> {
  const [stored] = await engine.read([REVISION_KEY]);
  return stored === undefined ? 0 : decodeStored(stored).revision;
}

async function readManifest(engine: RocksdbEngine): Promise<StoreManifest | undefined> {
  const bytes = await engine.readMeta(MANIFEST_KEY);
  if (bytes === undefined) return undefined;
  try {
    return JSON.parse(bytes.toString()) as StoreManifest;
  } catch (cause) {
    throw new SandglassError('store_corrupt', 'the manifest of the store is not JSON; restore the store from a backup', { cause });
  }
}

async function newManifest(engine: RocksdbEngine, { path, migrations = MIGRATIONS, newClusterId = randomUUID }: RocksdbStoreOptions) {
  const present = await engine.scan({ from: '\0', to: KEY_END }, 1, false);
  if (present.length > 0) {
    throw new SandglassError('store_corrupt', `${path} holds a database without the manifest of a Sandglass store; name another folder`);
  }
  const manifest: StoreManifest = { schemaVersion: schemaVersionAfter(migrations), migrating: false, clusterId: newClusterId() };
  await saveManifest(engine, manifest);
  return manifest;
}

async function saveManifest(engine: RocksdbEngine, manifest: StoreManifest): Promise<void> {
  await engine.write('meta', [{ key: MANIFEST_KEY, value: Buffer.from(JSON.stringify(manifest)) }]);
  // The families share the log: a write that stays in memory would keep every log since.
  await engine.flush('meta');
}
