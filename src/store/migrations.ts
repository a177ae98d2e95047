import { type Logger, silentLogger } from '../lib/logger.ts';
import { SandglassError } from '../model/errors.ts';
import { migrationKey } from './keys.ts';
import type { CommitRequest, Store } from './store.ts';

/** What a store knows about itself. Kept apart from what it stores. */
export interface StoreManifest {
  /** Which migrations have been applied, or begun: a store begins at 1, and each migration adds 1. */
  readonly schemaVersion: number;
  /** True from the beginning to the end of the migration to `schemaVersion`. */
  readonly migrating: boolean;
  /** Random, made with the store: what other systems hold of ours is told apart by it. */
  readonly clusterId: string;
}

/**
 * A change to what keys exist and what they hold, which `records.ts` cannot make as it reads (a new shape of one
 * record needs no migration). It works through the store in batches, and may be stopped after any of them.
 */
export interface Migration {
  /** For the log, such as `index snapshots by digest`. */
  readonly description: string;
  /**
   * The next batch: at most some hundred writes. `cursor` is what the batch before gave as `next`; `undefined` for the first.
   * A batch that was not acknowledged is asked for again.
   */
  batch(store: Pick<Store, 'get' | 'getMany' | 'scan'>, cursor: string | undefined): Promise<MigrationBatch>;
}

interface MigrationBatch extends Pick<CommitRequest, 'puts' | 'deletes'> {
  /** Where the next batch goes on; `undefined` when there is no more to do. */
  readonly next: string | undefined;
}

/** In order; the first one leads to version 2. Never change or remove one that has been released. */
export const MIGRATIONS: readonly Migration[] = [];

/** The version of a store to which all of `migrations` have been applied. */
export function schemaVersionAfter(migrations: readonly Migration[]): number {
  return 1 + migrations.length;
}

export interface MigrateOptions {
  readonly store: Store;
  readonly manifest: StoreManifest;
  /** Makes a manifest durable. */
  readonly save: (manifest: StoreManifest) => Promise<void>;
  readonly migrations?: readonly Migration[];
  readonly log?: Logger;
  /** Stops between two batches; the next call goes on there. */
  readonly signal?: AbortSignal;
}

/**
 * Brings a store up to date, from wherever an earlier call got to. A store that is being migrated has the later version
 * already: a binary that does not know that version must not touch it.
 * @returns the manifest as it is then.
 * @throws SandglassError `store_schema_newer` when the store is of a later version than the migrations lead to.
 */
export async function migrate(options: MigrateOptions): Promise<StoreManifest> {
  const { store, save, migrations = MIGRATIONS, log = silentLogger, signal } = options;
  const known = schemaVersionAfter(migrations);
  let manifest = options.manifest;
  if (manifest.schemaVersion > known) {
    throw new SandglassError(
      'store_schema_newer',
      `the store has schema version ${manifest.schemaVersion}; this version of Sandglass knows versions up to ${known}: ` +
        'upgrade Sandglass, or restore a backup from before the last upgrade',
    );
  }
  const advance = async (change: Partial<StoreManifest>) => {
    manifest = { ...manifest, ...change };
    await save(manifest);
  };
  while (manifest.migrating || manifest.schemaVersion < known) {
    if (!manifest.migrating) await advance({ schemaVersion: manifest.schemaVersion + 1, migrating: true });
    const migration = migrations[manifest.schemaVersion - 2] as Migration;
    log.info({ schemaVersion: manifest.schemaVersion, migration: migration.description }, 'migrating the store');
    await apply(migration, manifest.schemaVersion, store, signal);
    await advance({ migrating: false });
  }
  return manifest;
}

/** How far the latest migration is. It is written with each batch, in the same commit. */
interface Progress {
  readonly schemaVersion: number;
  readonly cursor?: string;
  readonly done: boolean;
}

async function apply(migration: Migration, schemaVersion: number, store: Store, signal: AbortSignal | undefined): Promise<void> {
  let progress = await readProgress(store, schemaVersion);
  while (!progress.done) {
    signal?.throwIfAborted();
    const { puts = [], deletes = [], next } = await migration.batch(store, progress.cursor);
    progress = { schemaVersion, done: next === undefined, ...(next === undefined ? {} : { cursor: next }) };
    await store.commit({ puts: [...puts, { key: migrationKey, value: Buffer.from(JSON.stringify(progress)) }], deletes });
  }
}

async function readProgress(store: Store, schemaVersion: number): Promise<Progress> {
  const entry = await store.get(migrationKey);
  const progress = entry && (JSON.parse(Buffer.from(entry.value).toString()) as Progress);
  return progress?.schemaVersion === schemaVersion ? progress : { schemaVersion, done: false };
}
