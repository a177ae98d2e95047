import type { UserIdentity } from '../resolve-user.ts';
import { libc } from './libc.ts';

const ROOT = 0;
/** Status with which the guest ends when it can't become root again: it must not go on as somebody else. */
const CANNOT_RESTORE = 70;

/**
 * Does something as another user: files are opened with the user's rights, and what is forked belongs to the user for good,
 * because `exec` clears the saved ids and with them the way back. Only the main thread changes, and only until the return,
 * so `action` has to be synchronous. A guest that is not root, as on a developer's machine, stays who it is.
 * @throws what `action` throws; Error when the ids can't be set.
 */
export function runAs<T>(identity: UserIdentity, action: () => T): T {
  if (process.getuid?.() !== ROOT || isOwnIdentity(identity)) return action();
  const { setgroups, setresuid, setresgid } = libc();
  const ownGroups = process.getgroups?.() ?? [];
  try {
    setgroups(identity.groups);
    setresgid(identity.gid, identity.gid, ROOT);
    setresuid(identity.uid, identity.uid, ROOT);
    return action();
  } finally {
    try {
      setresuid(ROOT, ROOT, ROOT);
      setresgid(ROOT, ROOT, ROOT);
      setgroups(ownGroups);
    } catch (error) {
      process.stderr.write(`sandglass guest: cannot become root again: ${String(error)}\n`);
      process.exit(CANNOT_RESTORE);
    }
  }
}

function isOwnIdentity({ uid, gid, groups }: UserIdentity): boolean {
  if (uid !== ROOT || gid !== process.getgid?.()) return false;
  const wanted = new Set([...groups, gid]);
  const own = new Set([...(process.getgroups?.() ?? []), gid]);
  return wanted.symmetricDifference(own).size === 0;
}
