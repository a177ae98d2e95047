import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { link, lstat, lutimes, mkdir, open, rename, symlink, unlink } from 'node:fs/promises';
import type { Account } from '../account.ts';
import { GuestError } from '../guest-error.ts';
import { CAN_CHOWN, giveTo } from './file-owner.ts';
import { PinnedDirectory } from './pinned-directory.ts';
import { stagedName } from './staged-name.ts';
import { writeAll } from './write-all.ts';

/** Without set-user-id, set-group-id and sticky. */
const PERMISSIONS = 0o777;
const NEW_DIRECTORY_MODE = 0o755;

/** Of an entry in an archive. */
export interface EntryAttributes {
  readonly mode: number;
  readonly mtime: Date;
}

/** A directory on the way to where entries are being made. */
interface OpenDirectory {
  readonly name: string;
  readonly pinned: PinnedDirectory;
  /** Set once nothing more is made in it: before, it might forbid that, and the time would change. */
  readonly attributes?: EntryAttributes;
}

/**
 * The directory below which an archive is extracted. Directories are entered one by one and held open, never through a symbolic link;
 * so nothing is made outside, whatever the archive has, and whatever is done to the directory meanwhile.
 */
export class ExtractionTarget implements AsyncDisposable {
  readonly #root: PinnedDirectory;
  readonly #account: Account;
  /** The way to the latest entry, as the next one mostly is beside it. */
  readonly #way: OpenDirectory[] = [];

  private constructor(root: PinnedDirectory, account: Account) {
    this.#root = root;
    this.#account = account;
  }

  /** @param path absolute; may itself be a symbolic link. */
  static async open(path: string, account: Account): Promise<ExtractionTarget> {
    return new ExtractionTarget(await PinnedDirectory.open(path, true), account);
  }

  /** Leaves the directory as it is when it is there. */
  async makeDirectory(segments: readonly string[], attributes: EntryAttributes): Promise<void> {
    await this.#enter(segments, attributes);
  }

  async writeFile(segments: readonly string[], { mode, mtime }: EntryAttributes, bytes: AsyncIterable<Buffer>): Promise<void> {
    await this.#place(segments, async (staged) => {
      const handle = await open(staged, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, 0o600);
      try {
        await writeAll(handle, bytes);
        if (CAN_CHOWN) await handle.chown(this.#account.uid, this.#account.gid);
        await handle.chmod(mode & PERMISSIONS);
        await handle.utimes(mtime, mtime);
      } finally {
        await handle.close();
      }
    });
  }

  /** @param to where it leads, which may be anywhere: nothing here follows it. */
  async makeSymlink(segments: readonly string[], to: string, { mtime }: EntryAttributes): Promise<void> {
    await this.#place(segments, async (staged) => {
      await symlink(to, staged);
      await giveTo(this.#account, staged);
      await lutimes(staged, mtime, mtime);
    });
  }

  /** A hard link. @param to a file below the same directory. */
  async makeLink(segments: readonly string[], to: readonly string[]): Promise<void> {
    const existing = await this.#openParent(to);
    try {
      const source = `${existing.path}/${to.at(-1)}`;
      if (!(await lstat(source)).isFile())
        throw new GuestError('invalid_request', `the archive links to ${to.join('/')}, which is not a file`);
      await this.#place(segments, (staged) => link(source, staged));
    } finally {
      await existing[Symbol.asyncDispose]();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      while (this.#way.length > 0) await this.#leave();
    } finally {
      for (const { pinned } of this.#way) await pinned[Symbol.asyncDispose]();
      await this.#root[Symbol.asyncDispose]();
    }
  }

  /** Makes something beside its place, and puts it there. */
  async #place(segments: readonly string[], make: (staged: string) => Promise<void>): Promise<void> {
    const directory = await this.#enter(segments.slice(0, -1));
    const staged = `${directory.path}/${stagedName(true, randomBytes(8))}`;
    try {
      await make(staged);
      await rename(staged, `${directory.path}/${segments.at(-1)}`);
    } catch (error) {
      throw told(error, segments);
    } finally {
      // Also after a rename, which leaves both names when they are links to one file.
      await unlink(staged).catch(() => {});
    }
  }

  /** @param attributes of the last directory, should it have to be made. */
  async #enter(segments: readonly string[], attributes?: EntryAttributes): Promise<PinnedDirectory> {
    const common = this.#way.findIndex(({ name }, index) => name !== segments[index]);
    while (common >= 0 && this.#way.length > common) await this.#leave();
    for (let depth = this.#way.length; depth < segments.length; depth++) {
      const name = segments[depth] as string;
      const path = `${this.#current.path}/${name}`;
      try {
        const made = await this.#makeDirectory(path);
        const pinned = await PinnedDirectory.open(path);
        const last = depth === segments.length - 1;
        this.#way.push(made && last && attributes ? { name, pinned, attributes } : { name, pinned });
      } catch (error) {
        throw told(error, segments.slice(0, depth + 1));
      }
    }
    return this.#current;
  }

  get #current(): PinnedDirectory {
    return this.#way.at(-1)?.pinned ?? this.#root;
  }

  async #makeDirectory(path: string): Promise<boolean> {
    try {
      await mkdir(path, NEW_DIRECTORY_MODE);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
      throw error;
    }
    await giveTo(this.#account, path);
    return true;
  }

  async #leave(): Promise<void> {
    const { pinned, attributes } = this.#way.pop() as OpenDirectory;
    try {
      if (attributes !== undefined) await pinned.finish(attributes.mode & PERMISSIONS, attributes.mtime);
    } finally {
      await pinned[Symbol.asyncDispose]();
    }
  }

  /** The directory of something that is there, apart from the way. */
  async #openParent(segments: readonly string[]): Promise<PinnedDirectory> {
    let directory = await PinnedDirectory.open(this.#root.path, true);
    for (const [index, name] of segments.slice(0, -1).entries()) {
      const parent = directory;
      try {
        directory = await PinnedDirectory.open(`${parent.path}/${name}`);
      } catch (error) {
        throw told(error, segments.slice(0, index + 1));
      } finally {
        await parent[Symbol.asyncDispose]();
      }
    }
    return directory;
  }
}

/** An error about an entry, by its name in the archive: the paths that were used say nothing to people. */
function told(error: unknown, segments: readonly string[]): unknown {
  const name = segments.join('/');
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'ELOOP' || code === 'ENOTDIR') {
    return new GuestError(
      'not_a_directory',
      `the archive's entry ${name} would have to be a directory, but is a file or symbolic link; nothing is extracted through links`,
      { cause: error },
    );
  }
  if (code === 'ENOSPC' || code === 'EDQUOT')
    return new GuestError('disk_full', `the archive's entry ${name} does not fit on the disk`, { cause: error });
  return code === undefined ? error : Object.assign(error as Error, { path: name });
}
