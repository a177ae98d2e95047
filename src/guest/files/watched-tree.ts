import { statSync } from 'node:fs';
import { GuestError } from '../guest-error.ts';
import type { Inotify, InotifyListener } from './inotify.ts';
import { Recent } from './recent.ts';

/** Directories that one watch may have. They are looked at in one go, which takes about a second for that many. */
export const MAX_DIRECTORIES = 20_000;

/**
 * Which watch of inotify belongs to which directory below a root. The kernel watches directories, not paths: those of a renamed
 * directory go with it, so that they must get their new paths here.
 * Paths are relative to the root (which is the empty one), with a character for each byte.
 */
export class WatchedTree {
  readonly #inotify: Inotify;
  /** Not held open: then the kernel would not tell when it is removed. */
  readonly #root: string;
  readonly #identity: string;
  readonly #listener: InotifyListener;
  readonly #paths = new Map<number, string>();
  /** Watches of directories that were renamed, until it is known where to, by cookie; with their paths below the directory. */
  readonly #moving = new Recent<number, Map<number, string>>();

  /** @throws Error as stat(2) and inotify_add_watch(2) */
  constructor(inotify: Inotify, root: string, listener: InotifyListener) {
    this.#inotify = inotify;
    this.#listener = listener;
    this.#root = Buffer.from(root).toString('latin1');
    this.#identity = this.#identify();
    this.#paths.set(this.#add('', true), '');
  }

  /**
   * Watches one more directory.
   * @returns false when there is none at this path any more.
   * @throws GuestError request_too_large when it can't be watched, file_not_found when the root is no longer where it was.
   */
  add(path: string): boolean {
    if (this.#paths.size >= MAX_DIRECTORIES) {
      throw new GuestError('request_too_large', `there are more than ${MAX_DIRECTORIES} directories to watch; watch a smaller part`);
    }
    try {
      const watch = this.#add(path, false);
      for (const moving of this.#moving.values()) moving.delete(watch);
      this.#paths.set(watch, path);
      return true;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== 'ENOENT' && code !== 'ENOTDIR' && code !== 'ELOOP') throw error;
      if (this.#identify() === this.#identity) return false;
      throw new GuestError('file_not_found', 'the watched directory was moved');
    }
  }

  pathOf(watch: number): string | undefined {
    return this.#paths.get(watch);
  }

  /** What the kernel knows it by. */
  rawPath(path: string): Buffer {
    return Buffer.from(path === '' ? this.#root : `${this.#root}/${path}`, 'latin1');
  }

  /** The kernel has let go of it. */
  forget(watch: number): void {
    this.#paths.delete(watch);
  }

  /** A directory has been renamed, it is not known yet where to. What happens in it meanwhile is no longer below the root. */
  moveAway(path: string, cookie: number): void {
    const moving = new Map<number, string>();
    for (const [watch, watched] of this.#paths) {
      if (watched !== path && !watched.startsWith(`${path}/`)) continue;
      this.#paths.delete(watch);
      moving.set(watch, watched.slice(path.length));
    }
    if (moving.size > 0) this.#moving.set(cookie, moving);
  }

  /** @returns false when it came from elsewhere. */
  moveTo(path: string, cookie: number): boolean {
    const moving = this.#moving.get(cookie);
    if (moving === undefined) return false;
    this.#moving.delete(cookie);
    for (const [watch, below] of moving) this.#paths.set(watch, path + below);
    return true;
  }

  /** All events have been read: those whose new place was not told by now have left the root. */
  forgetMovedAway(): void {
    for (const moving of this.#moving.age().values()) this.#remove(moving.keys());
  }

  close(): void {
    this.forgetMovedAway();
    this.forgetMovedAway();
    this.#remove(this.#paths.keys());
    this.#paths.clear();
  }

  #remove(watches: Iterable<number>): void {
    for (const watch of watches) this.#inotify.remove(watch, this.#listener);
  }

  #identify(): string {
    const stats = statSync(this.rawPath(''), { throwIfNoEntry: false });
    return `${stats?.dev} ${stats?.ino}`;
  }

  #add(path: string, follow: boolean): number {
    try {
      return this.#inotify.add(this.rawPath(path), this.#listener, follow);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
      throw new GuestError(
        'request_too_large',
        'the host allows no more watched directories (fs.inotify.max_user_watches); watch a smaller part',
        { cause: error },
      );
    }
  }
}
