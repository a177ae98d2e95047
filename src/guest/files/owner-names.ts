import { readFile, stat } from 'node:fs/promises';

/** Names of the owners of files, by number. */
export interface OwnerNames {
  user(uid: number): string;
  group(gid: number): string;
}

/** As the image says now: the files are read again when they have changed. Numbers without a name stay numbers. */
export async function ownerNames(): Promise<OwnerNames> {
  const [users, groups] = await Promise.all([passwd.read(), group.read()]);
  return { user: (uid) => users.get(String(uid)) ?? String(uid), group: (gid) => groups.get(String(gid)) ?? String(gid) };
}

/** One of /etc/passwd and /etc/group: records `name:password:number:…`. */
class NameFile {
  readonly #path: string;
  #version = '';
  #names: ReadonlyMap<string, string> = new Map();

  constructor(path: string) {
    this.#path = path;
  }

  async read(): Promise<ReadonlyMap<string, string>> {
    try {
      const { mtimeNs, ino, size } = await stat(this.#path, { bigint: true });
      const version = `${mtimeNs} ${ino} ${size}`;
      if (version === this.#version) return this.#names;
      const names = parse(await readFile(this.#path, 'utf8'));
      this.#names = names;
      this.#version = version;
      return names;
    } catch {
      return new Map(); // an image need not have it
    }
  }
}

/** The first name of a number counts, as in the C library. */
function parse(text: string): ReadonlyMap<string, string> {
  const names = new Map<string, string>();
  for (const line of text.split('\n')) {
    const [name = '', , id = ''] = line.split(':');
    if (name !== '' && id !== '' && !names.has(id)) names.set(id, name);
  }
  return names;
}

const passwd = new NameFile('/etc/passwd');
const group = new NameFile('/etc/group');
