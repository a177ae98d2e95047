import { lstat, rmdir, unlink } from 'node:fs/promises';
import { directoryNames } from './directory-names.ts';
import type { RawPath } from './libc.ts';
import { PinnedDirectory } from './pinned-directory.ts';
import { unlessGone } from './unless-gone.ts';

/** How often a directory is emptied again in which something is being made all the while. */
const MAX_ROUNDS = 5;

/**
 * Removes what is at a path, a directory with all that is in it; a symbolic link is removed, not followed, not even one that is put
 * there meanwhile. Says nothing when there is nothing. (Node's own `rm` follows those, and fails at names that are not UTF-8.)
 * @throws Error as unlink(2) and rmdir(2).
 */
export async function removePath(path: RawPath): Promise<void> {
  const stats = await unlessGone(lstat(path));
  if (stats?.isDirectory()) await removeDirectory(path);
  else if (stats !== undefined) await unlessGone(unlink(path));
}

async function removeDirectory(path: RawPath): Promise<void> {
  for (let round = 1; ; round++) {
    await unlessGone(emptyDirectory(path));
    try {
      await unlessGone(rmdir(path));
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOTEMPTY' || round === MAX_ROUNDS) throw error;
    }
  }
}

async function emptyDirectory(path: RawPath): Promise<void> {
  await using directory = await PinnedDirectory.open(path);
  for (const { raw, directory: nested } of await directoryNames(directory.path)) {
    if (nested) await removeDirectory(raw);
    else await unlessGone(unlink(raw));
  }
}
