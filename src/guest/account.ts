import { readFileSync } from 'node:fs';
import { resolveUser, type UserIdentity } from './resolve-user.ts';
import type { GuestSettings } from './settings.ts';

/** A user of the sandbox, as its image defines it. */
export interface Account extends UserIdentity {
  /** As it was asked for. */
  readonly name: string;
}

/**
 * The user that a request names, or the default one. The files are read each time: people add users to a sandbox.
 * @throws Error with a message for people, when there is no such user.
 */
export function findAccount(name: string | undefined, settings: GuestSettings): Account {
  const wanted = name || settings.user || 'root';
  if (wanted === 'root' || wanted === '0') return { name: 'root', ...rootIdentity() };
  return { name: wanted, ...resolveUser(wanted, readText('/etc/passwd'), readText('/etc/group')) };
}

/**
 * The user that a request of the envd protocol names: the name in its basic authentication, which has no password.
 * @param authorization the header of that name.
 */
export function requestedUser(authorization: string | undefined | null): string | undefined {
  const encoded = authorization === undefined || authorization === null ? undefined : /^Basic +(\S+)$/i.exec(authorization)?.[1];
  if (encoded === undefined) return undefined;
  return Buffer.from(encoded, 'base64').toString('utf8').split(':', 1)[0] || undefined;
}

/** Root is there in every image, also in one without users. */
function rootIdentity(): UserIdentity {
  try {
    return resolveUser('0', readText('/etc/passwd'), readText('/etc/group'));
  } catch {
    return { uid: 0, gid: 0, groups: [], home: '/root' };
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return ''; // an image need not have it
  }
}
