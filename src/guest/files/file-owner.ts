import { chmod, lchown, mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type Account, findAccount } from '../account.ts';
import { GuestError } from '../guest-error.ts';
import type { GuestSettings } from '../settings.ts';
import type { RawPath } from './libc.ts';

const DIRECTORY_MODE = 0o755;

/** Only root can give files away; a guest that runs as somebody else (in a test) makes them as itself. */
export const CAN_CHOWN = process.getuid?.() === 0;

/** The user of a request about files. @throws GuestError invalid_user */
export function fileAccount(name: string | undefined, settings: GuestSettings): Account {
  try {
    return findAccount(name, settings);
  } catch (error) {
    throw new GuestError('invalid_user', error instanceof Error ? error.message : String(error), { cause: error });
  }
}

/** Makes `path` the user's; of a symbolic link, the link itself. */
export async function giveTo(account: Account, path: RawPath): Promise<void> {
  if (CAN_CHOWN) await lchown(path, account.uid, account.gid);
}

/**
 * Makes a directory and the parents that it lacks; all that it made are the user's, with mode 0755 whatever the umask.
 * @returns whether it made `path` itself; false when that was a directory already.
 * @throws Error as mkdir(2): ENOTDIR when something on the way is no directory.
 */
export async function makeDirectories(path: string, account: Account): Promise<boolean> {
  try {
    return await makeDirectory(path, account);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || dirname(path) === path) throw error;
  }
  await makeDirectories(dirname(path), account);
  return makeDirectory(path, account);
}

async function makeDirectory(path: string, account: Account): Promise<boolean> {
  try {
    await mkdir(path, DIRECTORY_MODE);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    const found = await stat(path).catch(() => undefined);
    if (found?.isDirectory()) return false;
    throw new GuestError('not_a_directory', `${path} is there, and not a directory`, { cause: error });
  }
  await chmod(path, DIRECTORY_MODE);
  await giveTo(account, path);
  return true;
}
