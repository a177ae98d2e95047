import { randomBytes } from 'node:crypto';
import { constants, type Stats } from 'node:fs';
import { copyFile, type FileHandle, open, readlink, rename, stat, unlink } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { Account } from '../account.ts';
import { GuestError } from '../guest-error.ts';
import { CAN_CHOWN, makeDirectories } from './file-owner.ts';
import { copyAttributes, writeMetadata } from './metadata.ts';
import { checkRegular } from './regular-file.ts';
import { stagedName } from './staged-name.ts';
import { unlessGone } from './unless-gone.ts';
import { writeAll } from './write-all.ts';

const NEW_FILE_MODE = 0o644;
const PERMISSIONS = 0o7777;
const MAX_LINKS = 40;

export interface FileAttributes {
  /** Permissions; those of the file that is replaced, or 0644, when not given. */
  readonly mode?: number | undefined;
  readonly metadata?: Readonly<Record<string, string>>;
}

/**
 * A file in the making: it is written under another name beside its place, and put there whole by `commit`. So whoever reads sees the old
 * content or the new one, and what fails on the way leaves nothing.
 */
export class StagedFile {
  /** Where it will be: what was asked for, once symbolic links are followed. */
  readonly #target: string;
  readonly #staged: string;
  readonly #handle: FileHandle;
  readonly #replaced: Stats | undefined;

  private constructor(target: string, staged: string, handle: FileHandle, replaced: Stats | undefined) {
    this.#target = target;
    this.#staged = staged;
    this.#handle = handle;
    this.#replaced = replaced;
  }

  /**
   * Begins a file, and makes the directories that it needs.
   * @param path absolute; a symbolic link is written through, also one that leads nowhere yet, as open(2) does.
   * @throws GuestError is_a_directory, not_a_directory, invalid_path; Error as open(2).
   */
  static async open(path: string, account: Account): Promise<StagedFile> {
    const target = await followLinks(path);
    await makeDirectories(dirname(target), account);
    const replaced = await unlessGone(stat(target));
    if (replaced !== undefined) checkRegular(path, replaced);
    const staged = join(dirname(target), stagedName(replaced === undefined, randomBytes(8)));
    const handle = await open(staged, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, 0o600);
    const file = new StagedFile(target, staged, handle, replaced);
    try {
      if (CAN_CHOWN) await handle.chown(replaced?.uid ?? account.uid, replaced?.gid ?? account.gid);
      return file;
    } catch (error) {
      await file.discard();
      throw error;
    }
  }

  /** Appends all that `source` has. @throws GuestError disk_full; what breaks the source. */
  async append(source: AsyncIterable<Buffer>): Promise<void> {
    try {
      await writeAll(this.#handle, source);
    } catch (error) {
      throw this.#diskFull(error);
    }
  }

  /** Ends the writing. @throws GuestError invalid_request when metadata can't be kept. */
  async finish(attributes: FileAttributes): Promise<void> {
    if (this.#replaced !== undefined) copyAttributes(this.#target, this.#staged);
    writeMetadata(this.#staged, attributes.metadata ?? {});
    await this.#handle.chmod(attributes.mode ?? (this.#replaced === undefined ? NEW_FILE_MODE : this.#replaced.mode & PERMISSIONS));
    await this.#handle.close();
  }

  /** Puts it in its place, at once. Only a file that is a mount of its own, as /etc/hosts in a container, is written in place. */
  async commit(): Promise<void> {
    try {
      await rename(this.#staged, this.#target);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EBUSY') throw this.#diskFull(error);
      await copyFile(this.#staged, this.#target);
      await unlink(this.#staged);
    }
  }

  /** Leaves nothing of it. Does no harm after `commit`. */
  async discard(): Promise<void> {
    await this.#handle.close().catch(() => {});
    await unlink(this.#staged).catch(() => {});
  }

  #diskFull(error: unknown): unknown {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOSPC' && code !== 'EDQUOT' && code !== 'EFBIG') return error;
    return new GuestError('disk_full', `${this.#target} does not fit on the disk; remove what is not needed, and write it again`, {
      cause: error,
    });
  }
}

/** Where a write to `path` goes. @throws Error ELOOP */
async function followLinks(path: string): Promise<string> {
  let target = path;
  for (let count = 0; count <= MAX_LINKS; count++) {
    const link = await readlink(target).catch(() => undefined);
    if (link === undefined) return target;
    target = resolve(dirname(target), link);
  }
  throw new GuestError('invalid_path', `${path} leads through more than ${MAX_LINKS} symbolic links`);
}
