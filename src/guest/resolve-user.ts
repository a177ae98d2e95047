/** Whom a process runs as. */
export interface UserIdentity {
  readonly uid: number;
  readonly gid: number;
  /** Supplementary groups. */
  readonly groups: readonly number[];
  readonly home: string;
}

/**
 * Resolves a user as the Docker Engine does for `USER`: `name`, `uid`, `name:group` or `uid:gid`. A number needs no
 * entry in the files; a name does. Supplementary groups are looked up only when no group is named.
 * @param passwd content of `/etc/passwd`; empty when the image has none.
 * @param group content of `/etc/group`, likewise.
 * @throws Error with a message for people.
 */
export function resolveUser(user: string, passwd: string, group: string): UserIdentity {
  const [userPart = '', groupPart = ''] = user.split(':', 2);
  const accounts = records(passwd);
  const groups = records(group);
  const account = accounts.find(([name]) => name === userPart) ?? accounts.find(([, , uid]) => isNumber(userPart) && uid === userPart);
  if (account === undefined && !isNumber(userPart)) throw new Error(`there is no user ${JSON.stringify(userPart)} in /etc/passwd`);

  const [name = '', , uid = userPart, primaryGid = '0', , home = ''] = account ?? [];
  const identity = { uid: Number(uid), home: home || '/' };
  if (groupPart !== '') return { ...identity, gid: resolveGroup(groupPart, groups), groups: [] };
  const supplementary = groups.filter(([, , , members = '']) => name !== '' && members.split(',').includes(name));
  return { ...identity, gid: Number(primaryGid), groups: supplementary.map(([, , gid]) => Number(gid)) };
}

function resolveGroup(text: string, groups: readonly string[][]): number {
  const entry = groups.find(([name]) => name === text);
  if (entry !== undefined) return Number(entry[2]);
  if (isNumber(text)) return Number(text);
  throw new Error(`there is no group ${JSON.stringify(text)} in /etc/group`);
}

function records(file: string): string[][] {
  return file
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => line.split(':'));
}

function isNumber(text: string): boolean {
  return /^[0-9]+$/.test(text);
}
