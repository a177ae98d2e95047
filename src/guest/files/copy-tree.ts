import { constants, type Stats } from 'node:fs';
import { chmod, copyFile, lchown, lstat, lutimes, mkdir, readlink, symlink, utimes } from 'node:fs/promises';
import { GuestError } from '../guest-error.ts';
import { directoryNames } from './directory-names.ts';
import { CAN_CHOWN } from './file-owner.ts';
import type { RawPath } from './libc.ts';
import { copyAttributes } from './metadata.ts';

const PERMISSIONS = 0o7777;

/**
 * Copies a file, symbolic link or directory with all that is in it to a path where nothing is: contents, owners, modes, times and
 * extended attributes. Hard links become files of their own.
 * @throws GuestError invalid_path for sockets, pipes and devices; Error as the system calls. What was copied so far is left.
 */
export async function copyTree(from: RawPath, to: RawPath): Promise<void> {
  const stats = await lstat(from);
  if (stats.isDirectory()) await copyDirectory(from, to);
  else if (stats.isSymbolicLink()) await symlink(await readlink(from, { encoding: 'buffer' }), to);
  else if (stats.isFile()) await copyFile(from, to, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
  else throw new GuestError('invalid_path', `${from} cannot be copied: it is a socket, pipe or device`);
  await copyAttributesOf(from, stats, to);
}

async function copyDirectory(from: RawPath, to: RawPath): Promise<void> {
  await mkdir(to, 0o700);
  for (const { raw, base } of await directoryNames(from)) await copyTree(raw, Buffer.concat([Buffer.from(to), Buffer.from('/'), base]));
}

/** The owner first: a change of owner takes away set-user-id. The times last: everything else changes them. */
async function copyAttributesOf(from: RawPath, stats: Stats, to: RawPath): Promise<void> {
  if (CAN_CHOWN) await lchown(to, stats.uid, stats.gid);
  if (stats.isSymbolicLink()) {
    await lutimes(to, stats.atime, stats.mtime);
    return;
  }
  await chmod(to, stats.mode & PERMISSIONS);
  copyAttributes(from, to);
  await utimes(to, stats.atime, stats.mtime);
}
