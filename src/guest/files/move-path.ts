import { randomBytes } from 'node:crypto';
import { lstat, realpath, rename } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Account } from '../account.ts';
import { GuestError } from '../guest-error.ts';
import { copyTree } from './copy-tree.ts';
import { makeDirectories } from './file-owner.ts';
import { removePath } from './remove-path.ts';

/**
 * Moves as rename(2): a file replaces a file, a directory an empty directory, at once; a symbolic link is moved itself. Directories
 * that the destination lacks are made for the user. To another file system (in a container that may be any directory of the image,
 * too) it is copied first, and removed when the whole copy is there.
 * @throws GuestError invalid_path when a directory is to be moved into itself; Error as rename(2).
 */
export async function movePath(source: string, destination: string, account: Account): Promise<void> {
  await lstat(source); // so that no directories are made for nothing
  await makeDirectories(dirname(destination), account);
  try {
    await rename(source, destination);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EXDEV') return moveByCopy(source, destination);
    if (code === 'EISDIR' || code === 'ENOTDIR' || code === 'ENOTEMPTY' || code === 'EEXIST')
      throw Object.assign(error as Error, { path: destination });
    throw error;
  }
}

async function moveByCopy(source: string, destination: string): Promise<void> {
  const from = join(await realpath(dirname(source)), basename(source));
  const into = join(await realpath(dirname(destination)), basename(destination));
  if (into.startsWith(`${from}/`)) throw new GuestError('invalid_path', `${source} cannot be moved into itself`);
  const copy = join(dirname(into), `.sandglass-${randomBytes(8).toString('hex')}.move`);
  try {
    await copyTree(from, copy);
    await rename(copy, into);
  } catch (error) {
    await removePath(copy).catch(() => {});
    throw error;
  }
  await removePath(from);
}
