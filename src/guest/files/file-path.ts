import { isAbsolute, join, resolve } from 'node:path';
import type { Account } from '../account.ts';
import { GuestError } from '../guest-error.ts';
import type { GuestSettings } from '../settings.ts';

/**
 * The absolute path that a request means: an absolute one, `~` or one below `~/`, or one below where the user's processes begin. Empty
 * means just that directory. `.` and `..` are resolved as text, so the result has none, and no slash at its end.
 * @throws GuestError invalid_path when it has a NUL, which no path can.
 */
export function resolvePath(path: string, account: Account, settings: GuestSettings): string {
  if (path.includes('\0')) throw new GuestError('invalid_path', 'a path must not contain a NUL character');
  if (path === '~' || path.startsWith('~/')) return join('/', account.home, path.slice(1)).replace(/(?<=.)\/+$/, '');
  if (isAbsolute(path)) return resolve(path);
  return resolve('/', account.home, settings.workdir ?? '', path);
}

/**
 * As `resolvePath`, for what is going to be changed: there it must be said, because an empty path is rather a mistake of the caller.
 * @throws GuestError invalid_path also when it is empty or `/`.
 */
export function resolveChangedPath(path: string, account: Account, settings: GuestSettings): string {
  if (path === '') throw new GuestError('invalid_path', 'the path is empty; name a file or directory');
  const resolved = resolvePath(path, account, settings);
  if (resolved === '/') throw new GuestError('invalid_path', 'the root directory cannot be changed');
  return resolved;
}
