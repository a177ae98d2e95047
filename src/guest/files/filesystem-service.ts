import { join } from 'node:path';
import { ConnectError, type HandlerContext, type ServiceImpl } from '@connectrpc/connect';
import type { EntryInfo, Filesystem } from '../../rpc/gen/filesystem/filesystem_pb.js';
import { type Account, requestedUser } from '../account.ts';
import { GuestError } from '../guest-error.ts';
import type { GuestSettings, SettingsHolder } from '../settings.ts';
import type { Change } from './directory-watch.ts';
import { entryInfo } from './entry-info.ts';
import { fileAccount, makeDirectories } from './file-owner.ts';
import { resolveChangedPath, resolvePath } from './file-path.ts';
import { keepaliveMs } from './keepalive.ts';
import { listDirectory } from './list-directory.ts';
import { movePath } from './move-path.ts';
import { removePath } from './remove-path.ts';
import { WatchPool } from './watch-pool.ts';

/**
 * The service `filesystem.Filesystem`, as E2B's envd answers it. Files are reached as root; what is made belongs to the user of the
 * request. Removing what is not there succeeds, because envd does so and its clients rely on that.
 */
export function filesystemService(settings: SettingsHolder): ServiceImpl<typeof Filesystem> {
  const watches = new WatchPool();
  return {
    stat: (request, context) =>
      answer(async () => {
        const user = new RequestUser(settings.current, context);
        return { entry: await entryInfo(user.path(request.path)) };
      }),

    listDir: (request, context) =>
      answer(async () => {
        const user = new RequestUser(settings.current, context);
        return { entries: await listDirectory(user.path(request.path), request.depth) };
      }),

    makeDir: (request, context) =>
      answer(async () => {
        const user = new RequestUser(settings.current, context);
        const path = user.changedPath(request.path);
        if (!(await makeDirectories(path, user.account))) throw new GuestError('file_exists', `${path} is there already`);
        return { entry: await entryInfo(path) };
      }),

    move: (request, context) =>
      answer(async () => {
        const user = new RequestUser(settings.current, context);
        const destination = user.changedPath(request.destination);
        await movePath(user.changedPath(request.source), destination, user.account);
        return { entry: await entryInfo(destination) };
      }),

    remove: (request, context) =>
      answer(async () => {
        const user = new RequestUser(settings.current, context);
        await removePath(user.changedPath(request.path));
        return {};
      }),

    async *watchDir(request, context) {
      const { watch, path } = await answer(async () => {
        const resolved = new RequestUser(settings.current, context).path(request.path);
        return { path: resolved, watch: await watches.open({ ...request, path: resolved }) };
      });
      const interval = keepaliveMs(context.requestHeader.get('keepalive-ping-interval'));
      try {
        yield { event: { case: 'start', value: {} } };
        while (!context.signal.aborted) {
          await watch.wait(interval, context.signal);
          const changes = await answer(async () => watch.take());
          for (const change of changes) {
            yield { event: { case: 'filesystem', value: await filesystemEvent(path, change, request.includeEntry) } };
          }
          if (changes.length === 0 && !context.signal.aborted) yield { event: { case: 'keepalive', value: {} } };
        }
      } finally {
        watches.close(watch);
      }
    },

    createWatcher: (request, context) =>
      answer(async () => {
        const user = new RequestUser(settings.current, context);
        const path = user.path(request.path);
        const watch = await watches.open({ ...request, path });
        return { watcherId: watches.keep({ watch, path, includeEntry: request.includeEntry }) };
      }),

    getWatcherEvents: ({ watcherId }) =>
      answer(async () => {
        const { watch, path, includeEntry } = watches.find(watcherId);
        const events = [];
        for (const change of watch.take()) events.push(await filesystemEvent(path, change, includeEntry));
        return { events };
      }),

    removeWatcher: ({ watcherId }) =>
      answer(async () => {
        watches.remove(watcherId);
        return {};
      }),
  };
}

/** Whose files a request is about. @throws ConnectError when the user is not known. */
class RequestUser {
  readonly account: Account;
  readonly #settings: GuestSettings;

  constructor(settings: GuestSettings, context: HandlerContext) {
    this.#settings = settings;
    this.account = fileAccount(requestedUser(context.requestHeader.get('authorization')), settings);
  }

  path(path: string): string {
    return resolvePath(path, this.account, this.#settings);
  }

  changedPath(path: string): string {
    return resolveChangedPath(path, this.account, this.#settings);
  }
}

async function filesystemEvent(directory: string, change: Change, includeEntry: boolean) {
  // What has gone again has no entry; the event of that follows.
  const entry: EntryInfo | undefined = includeEntry ? await entryInfo(join(directory, change.name)).catch(() => undefined) : undefined;
  return entry === undefined ? change : { ...change, entry };
}

async function answer<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw error instanceof ConnectError ? error : GuestError.from(error).toConnectError();
  }
}
