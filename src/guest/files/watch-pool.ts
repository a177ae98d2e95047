import { randomBytes } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { Code, ConnectError } from '@connectrpc/connect';
import { GuestError, REASON_HEADER } from '../guest-error.ts';
import { DirectoryWatch } from './directory-watch.ts';
import { Inotify } from './inotify.ts';
import { libc } from './libc.ts';
import { isNetworkMount } from './network-mount.ts';

/** Directories that may be watched at a time. */
export const MAX_WATCHES = 128;

/** After so long without a fetch nobody will come any more for a watcher's events. */
const UNATTENDED_MS = 3_600_000;

export interface WatchRequest {
  /** Absolute. */
  readonly path: string;
  readonly recursive: boolean;
  readonly allowNetworkMounts: boolean;
}

/** A watch that is kept between requests, until somebody fetches what it has seen. */
export interface Watcher {
  readonly watch: DirectoryWatch;
  readonly path: string;
  readonly includeEntry: boolean;
}

/** All watches of the guest. */
export class WatchPool {
  readonly #watchers = new Map<string, Watcher & { readonly unattended: NodeJS.Timeout }>();
  #inotify: Inotify | undefined;
  #open = 0;

  /**
   * Begins to watch a directory; to be ended with `close`.
   * @throws GuestError too_many_requests, not_a_directory, request_too_large; ConnectError failed_precondition for what is on the network.
   */
  async open({ path, recursive, allowNetworkMounts }: WatchRequest): Promise<DirectoryWatch> {
    if (!(await stat(path)).isDirectory()) throw new GuestError('not_a_directory', `${path} is not a directory`);
    if (!allowNetworkMounts && (await isNetworkMount(path))) {
      const message = `${path} is on a network file system, where changes made elsewhere are not seen; allow network mounts to watch it all the same`;
      throw new ConnectError(message, Code.FailedPrecondition, { [REASON_HEADER]: 'invalid_path' });
    }
    if (this.#open >= MAX_WATCHES)
      throw new GuestError('too_many_requests', `${MAX_WATCHES} directories are being watched; end one of these watches first`);
    this.#inotify ??= new Inotify(libc());
    const watch = new DirectoryWatch(this.#inotify, path, recursive);
    this.#open++;
    return watch;
  }

  close(watch: DirectoryWatch): void {
    watch[Symbol.dispose]();
    this.#open--;
  }

  /** Keeps a watch for later requests. @returns its id. */
  keep(watcher: Watcher): string {
    const id = `w${randomBytes(10).toString('hex')}`;
    const unattended = setTimeout(() => this.remove(id), UNATTENDED_MS).unref();
    this.#watchers.set(id, { ...watcher, unattended });
    return id;
  }

  /** @throws GuestError file_not_found */
  find(id: string): Watcher {
    const watcher = this.#watchers.get(id);
    if (watcher === undefined)
      throw new GuestError('file_not_found', `there is no watcher ${id}; it was removed, or nobody has asked for its events for an hour`);
    watcher.unattended.refresh();
    return watcher;
  }

  /** @throws GuestError file_not_found */
  remove(id: string): void {
    this.close(this.find(id).watch);
    clearTimeout(this.#watchers.get(id)?.unattended);
    this.#watchers.delete(id);
  }
}
