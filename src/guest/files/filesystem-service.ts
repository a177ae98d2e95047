import type { HandlerContext, ServiceImpl } from '@connectrpc/connect';
import type { Filesystem } from '../../rpc/gen/filesystem/filesystem_pb.js';
import type { Account } from '../account.ts';
import { requestedUser } from '../account.ts';
import { GuestError } from '../guest-error.ts';
import type { GuestSettings, SettingsHolder } from '../settings.ts';
import { entryInfo } from './entry-info.ts';
import { fileAccount, makeDirectories } from './file-owner.ts';
import { resolveChangedPath, resolvePath } from './file-path.ts';
import { listDirectory } from './list-directory.ts';
import { movePath } from './move-path.ts';
import { removePath } from './remove-path.ts';

/**
 * The service `filesystem.Filesystem`, as E2B's envd answers it. Files are reached as root; what is made belongs to the user of the
 * request. Removing what is not there succeeds, because envd does so and its clients rely on that.
 */
export function filesystemService(
  settings: SettingsHolder,
): Pick<ServiceImpl<typeof Filesystem>, 'stat' | 'makeDir' | 'move' | 'listDir' | 'remove'> {
  return {
    stat: (request, context) => answer(settings, context, async (user) => ({ entry: await entryInfo(user.path(request.path)) })),

    listDir: (request, context) =>
      answer(settings, context, async (user) => ({ entries: await listDirectory(user.path(request.path), request.depth) })),

    makeDir: (request, context) =>
      answer(settings, context, async (user) => {
        const path = user.changedPath(request.path);
        if (!(await makeDirectories(path, user.account))) throw new GuestError('file_exists', `${path} is there already`);
        return { entry: await entryInfo(path) };
      }),

    move: (request, context) =>
      answer(settings, context, async (user) => {
        const destination = user.changedPath(request.destination);
        await movePath(user.changedPath(request.source), destination, user.account);
        return { entry: await entryInfo(destination) };
      }),

    remove: (request, context) =>
      answer(settings, context, async (user) => {
        await removePath(user.changedPath(request.path));
        return {};
      }),
  };
}

/** Whose files a request is about. */
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

async function answer<T>(settings: SettingsHolder, context: HandlerContext, work: (user: RequestUser) => Promise<T>): Promise<T> {
  try {
    return await work(new RequestUser(settings.current, context));
  } catch (error) {
    throw GuestError.from(error).toConnectError();
  }
}
