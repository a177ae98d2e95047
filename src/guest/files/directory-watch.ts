import { lstatSync, readdirSync } from 'node:fs';
import { EventType } from '../../rpc/gen/filesystem/filesystem_pb.js';
import { GuestError } from '../guest-error.ts';
import { IN, type Inotify, type InotifyEvent, type InotifyListener } from './inotify.ts';
import { Recent } from './recent.ts';
import { stagedKind } from './staged-name.ts';
import { WatchedTree } from './watched-tree.ts';

/** What happened to an entry of a watched directory. */
export interface Change {
  /** Path below the directory; `.` is itself. */
  readonly name: string;
  readonly type: EventType;
}

/** Changes that wait for whoever watches; some 2 MB. */
export const MAX_QUEUED = 10_000;

/**
 * A watched directory, with all below it when `recursive`. Changes come in their order: `create`, `write` (repeated ones that nobody has
 * taken yet are one), `chmod`, `remove`; a renamed file is `rename` of its old name and `create` of the new one. A directory that
 * appears is watched at once, and what is in it by then is told as created. Symbolic links below it are not followed.
 *
 * The watch ends with an error when the directory is moved or removed, or when changes come faster than they are taken: none is left out silently.
 *
 * Paths are, inside, strings with a character for each byte (latin1), because names need not be UTF-8; told are they as UTF-8.
 */
export class DirectoryWatch implements InotifyListener, Disposable {
  readonly #tree: WatchedTree;
  readonly #recursive: boolean;
  readonly #maxQueued: number;
  /** Told by a look into a new directory, so that the event of their creation is no news. */
  readonly #told = new Recent<string, true>();
  /** Renames of files that the guest itself is writing, by cookie. */
  readonly #staged = new Recent<number, 'new' | 'over'>();
  #queue: Change[] = [];
  #failure: GuestError | undefined;
  #wake: () => void = () => {};

  /**
   * Begins to watch: from now on nothing is missed. Looks at the whole tree at once, so that nothing gets between.
   * @throws GuestError request_too_large; Error as stat(2).
   */
  constructor(inotify: Inotify, path: string, recursive: boolean, maxQueued: number = MAX_QUEUED) {
    this.#recursive = recursive;
    this.#maxQueued = maxQueued;
    this.#tree = new WatchedTree(inotify, path, this);
    try {
      if (recursive) this.#addBelow('', () => {});
    } catch (error) {
      this.#tree.close();
      throw error;
    }
  }

  /** Resolves when there is something to take, `ms` have passed, or `signal` aborts. For one caller at a time. */
  wait(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (this.#queue.length > 0 || this.#failure !== undefined || signal.aborted) return resolve();
      const settle = () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', settle);
        this.#wake = () => {};
        resolve();
      };
      const timer = setTimeout(settle, ms);
      signal.addEventListener('abort', settle, { once: true });
      this.#wake = settle;
    });
  }

  /** The changes since the last time. @throws GuestError when there are none and the watch has ended. */
  take(): readonly Change[] {
    if (this.#queue.length === 0 && this.#failure !== undefined) throw this.#failure;
    const taken = this.#queue;
    this.#queue = [];
    return taken;
  }

  [Symbol.dispose](): void {
    this.#tree.close();
  }

  event(event: InotifyEvent): void {
    try {
      this.#event(event);
    } catch (error) {
      this.#fail(GuestError.from(error));
    }
  }

  drained(): void {
    this.#told.age();
    this.#staged.age();
    this.#tree.forgetMovedAway();
  }

  #event({ watch, mask, cookie, name }: InotifyEvent): void {
    if (mask & IN.Q_OVERFLOW)
      throw new GuestError(
        'too_many_requests',
        'changes came faster than they could be read, and some were lost; watch again, and list the directory',
      );
    const directory = this.#tree.pathOf(watch);
    if (directory === undefined) return;
    if (name === '') this.#selfEvent(directory, watch, mask);
    else if (stagedKind(name) === undefined) this.#entryEvent(directory === '' ? name : `${directory}/${name}`, mask, cookie);
    else if (mask & IN.MOVED_FROM) this.#staged.set(cookie, stagedKind(name) ?? 'new');
  }

  /** Only the watched directory's own: those of directories below it come from their parents, too. */
  #selfEvent(directory: string, watch: number, mask: number): void {
    if (mask & IN.IGNORED) this.#tree.forget(watch);
    if (directory !== '') return;
    if (mask & IN.ATTRIB) this.#tell('.', EventType.CHMOD);
    if (mask & IN.MOVE_SELF) {
      this.#tell('.', EventType.RENAME);
      throw new GuestError('file_not_found', 'the watched directory was moved');
    }
    if (mask & IN.DELETE_SELF) this.#tell('.', EventType.REMOVE);
    if (mask & (IN.DELETE_SELF | IN.IGNORED)) throw new GuestError('file_not_found', 'the watched directory was removed');
  }

  #entryEvent(path: string, mask: number, cookie: number): void {
    if (mask & IN.CREATE && !this.#told.delete(path)) this.#appeared(path, mask);
    if (mask & IN.MOVED_TO) this.#movedTo(path, mask, cookie);
    if (mask & IN.MOVED_FROM) {
      this.#told.delete(path);
      this.#tell(path, EventType.RENAME);
      if (mask & IN.ISDIR) this.#tree.moveAway(path, cookie);
    }
    if (mask & IN.MODIFY) this.#tell(path, EventType.WRITE);
    if (mask & IN.ATTRIB) this.#tell(path, EventType.CHMOD);
    if (mask & IN.DELETE) {
      this.#told.delete(path);
      this.#tell(path, EventType.REMOVE);
    }
  }

  #appeared(path: string, mask: number): void {
    this.#tell(path, EventType.CREATE);
    if (this.#recursive && mask & IN.ISDIR && this.#tree.add(path)) this.#addBelow(path, (found) => this.#tellFound(found));
  }

  #movedTo(path: string, mask: number, cookie: number): void {
    const staged = this.#staged.get(cookie);
    if (staged === 'over') this.#tell(path, EventType.WRITE);
    else if (mask & IN.ISDIR && this.#tree.moveTo(path, cookie)) this.#tell(path, EventType.CREATE);
    else this.#appeared(path, mask);
    if (staged === 'new') this.#tell(path, EventType.WRITE);
  }

  /** Watches all directories below one that is watched, and calls `found` with each entry. */
  #addBelow(directory: string, found: (path: string) => void): void {
    const open = [directory];
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      for (const entry of this.#entries(next)) {
        if (stagedKind(entry.name) !== undefined) continue;
        const path = next === '' ? entry.name : `${next}/${entry.name}`;
        found(path);
        if (entry.isDirectory() && this.#tree.add(path)) open.push(path);
      }
    }
  }

  #entries(directory: string) {
    try {
      return readdirSync(this.#tree.rawPath(directory), { withFileTypes: true, encoding: 'latin1' });
    } catch {
      return []; // it has gone, which is told
    }
  }

  #tellFound(path: string): void {
    this.#told.set(path, true);
    this.#tell(path, EventType.CREATE);
    const stats = lstatSync(this.#tree.rawPath(path), { throwIfNoEntry: false });
    if (stats?.isFile() && stats.size > 0) this.#tell(path, EventType.WRITE);
  }

  #tell(path: string, type: EventType): void {
    if (this.#failure !== undefined) return;
    const name = Buffer.from(path, 'latin1').toString('utf8');
    const last = this.#queue.at(-1);
    const repeated = last?.name === name && last.type === type && (type === EventType.WRITE || type === EventType.CHMOD);
    if (repeated) return;
    if (this.#queue.length >= this.#maxQueued) {
      this.#fail(
        new GuestError(
          'too_many_requests',
          `more than ${this.#maxQueued} changes waited to be fetched, and later ones were lost; watch again, and list the directory`,
        ),
      );
      return;
    }
    this.#queue.push({ name, type });
    this.#wake();
  }

  #fail(failure: GuestError): void {
    this.#failure ??= failure;
    this.#tree.close();
    this.#wake();
  }
}
