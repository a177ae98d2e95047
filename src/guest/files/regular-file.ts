import { constants, type Stats } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { GuestError } from '../guest-error.ts';
import type { RawPath } from './libc.ts';

/**
 * Opens a regular file for reading. Never waits: a pipe or device in its place is refused before it is opened, and should one be put
 * there in between, it is opened without blocking and refused then.
 * @throws GuestError is_a_directory, invalid_path; Error as open(2).
 */
export async function openRegularFile(path: RawPath, flags = 0): Promise<{ handle: FileHandle; stats: Stats }> {
  checkRegular(path, await stat(path));
  const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY | flags);
  try {
    const stats = await handle.stat();
    checkRegular(path, stats);
    return { handle, stats };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** @throws GuestError is_a_directory, invalid_path when it is no regular file. */
export function checkRegular(path: RawPath, stats: Stats): void {
  if (stats.isDirectory()) throw new GuestError('is_a_directory', `${path} is a directory`);
  if (!stats.isFile()) throw new GuestError('invalid_path', `${path} is not a regular file but a socket, pipe or device`);
}
