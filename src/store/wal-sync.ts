import { constants } from 'node:fs';
import { type FileHandle, open, readdir } from 'node:fs/promises';
import { join } from 'node:path';

/** The write-ahead log that a write went to: its file's name and number. Numbers grow, and are not used again. */
export interface WalFile {
  readonly name: string;
  readonly number: number;
}

/** Opens a file or folder, as `open` of `node:fs/promises` does. */
export type OpenFile = (path: string, flags: number) => Promise<Pick<FileHandle, 'datasync' | 'sync' | 'close'>>;
type OpenedFile = Awaited<ReturnType<OpenFile>>;

/**
 * Makes RocksDB's write-ahead log durable. RocksDB hands every write to the operating system before it returns, but its
 * binding has no way to ask for a sync; so the files are synced here, from outside.
 */
export class WalSync {
  readonly #folder: string;
  readonly #open: OpenFile;
  /** The log that was synced last, kept open. Everything in it, and in every log before it, is durable. */
  #latest: { readonly number: number; readonly file: OpenedFile } | undefined;

  constructor(folder: string, openFile: OpenFile = open) {
    this.#folder = folder;
    this.#open = openFile;
  }

  /**
   * Makes everything durable that was written before the call, where `current` tells the log of the last write. One call at a
   * time. It nearly always is the log of the write before, which is synced while `current` is asked.
   */
  async sync(current: () => Promise<WalFile>): Promise<void> {
    const [log] = await Promise.all([current(), this.#latest?.file.datasync()]);
    if (log.number !== this.#latest?.number) await this.#syncNew(log);
  }

  async close(): Promise<void> {
    await this.#latest?.file.close();
    this.#latest = undefined;
  }

  /** RocksDB has begun a new log, and perhaps others after the latest; their entries in the folder are to be durable too. */
  async #syncNew(current: WalFile): Promise<void> {
    const previous = this.#latest;
    for (const name of await this.#logsBetween(previous?.number ?? -1, current.number)) await this.#syncIfPresent(name);
    const file = await this.#open(join(this.#folder, current.name), constants.O_RDWR);
    try {
      await file.datasync();
      await syncFolder(this.#folder, this.#open);
    } catch (error) {
      await file.close();
      throw error;
    }
    this.#latest = { number: current.number, file };
    await previous?.file.close();
  }

  async #logsBetween(after: number, before: number): Promise<string[]> {
    const names = await readdir(this.#folder);
    return names.filter((name) => /^\d+\.log$/.test(name) && Number.parseInt(name, 10) > after && Number.parseInt(name, 10) < before);
  }

  /** A log that is gone has been written to table files, which RocksDB syncs itself. */
  async #syncIfPresent(name: string): Promise<void> {
    let file: OpenedFile;
    try {
      file = await this.#open(join(this.#folder, name), constants.O_RDWR);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
      throw error;
    }
    try {
      await file.datasync();
    } finally {
      await file.close();
    }
  }
}

/** Makes the entries of a folder durable: which files it has, under which names. */
export async function syncFolder(path: string, openFile: OpenFile = open): Promise<void> {
  const folder = await openFile(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
