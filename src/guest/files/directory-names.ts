import { readdir } from 'node:fs/promises';
import type { RawPath } from './libc.ts';

/** An entry of a directory. */
export interface DirectoryName {
  /** As text; bytes that are not UTF-8 are replaced. */
  readonly name: string;
  /** The name, exact. */
  readonly base: Buffer;
  /** The whole path, exact. */
  readonly raw: RawPath;
  readonly directory: boolean;
}

/** What is in a directory, sorted by name in the order of code units. @throws Error as readdir(3). */
export async function directoryNames(path: RawPath): Promise<DirectoryName[]> {
  const found = await readdir(path, { withFileTypes: true, encoding: 'buffer' });
  const names = found.map((entry) => ({ ...childPath(path, entry.name), base: entry.name, directory: entry.isDirectory() }));
  return names.sort((one, other) => (one.name < other.name ? -1 : one.name > other.name ? 1 : 0));
}

const SLASH = Buffer.from('/');

/** Plain text wherever that is exact: it is what nearly all names are, and cheaper. */
function childPath(parent: RawPath, bytes: Buffer): { name: string; raw: RawPath } {
  const name = bytes.toString('utf8');
  if (typeof parent === 'string' && Buffer.from(name).equals(bytes))
    return { name, raw: parent === '/' ? `/${name}` : `${parent}/${name}` };
  return { name, raw: Buffer.concat([Buffer.from(parent), SLASH, bytes]) };
}
