import { stat } from 'node:fs/promises';
import { posix } from 'node:path';
import type { EntryInfo } from '../../rpc/gen/filesystem/filesystem_pb.js';
import { GuestError } from '../guest-error.ts';
import { type DirectoryName, directoryNames } from './directory-names.ts';
import { entryInfo } from './entry-info.ts';
import type { RawPath } from './libc.ts';
import { type OwnerNames, ownerNames } from './owner-names.ts';
import { unlessGone } from './unless-gone.ts';

/** Entries that one listing may have: some 30 MB of JSON. */
export const MAX_ENTRIES = 100_000;

/** Files that are looked at together. */
const BATCH = 64;

/**
 * The entries of a directory, sorted by name, each directory followed by what is in it, down to `depth` levels (0 as 1). Symbolic links
 * below it are not followed; `path` itself may be one. What goes away meanwhile is left out.
 * @throws GuestError not_a_directory, request_too_large; Error as stat(2) and readdir(3).
 */
export async function listDirectory(path: string, depth: number, maxEntries = MAX_ENTRIES): Promise<EntryInfo[]> {
  if (!(await stat(path)).isDirectory()) throw new GuestError('not_a_directory', `${path} is not a directory`);
  const listing: Listing = { root: path, maxEntries, names: await ownerNames(), entries: [] };
  await listInto(listing, path, path, Math.max(depth, 1));
  return listing.entries;
}

interface Listing {
  readonly root: string;
  readonly maxEntries: number;
  readonly names: OwnerNames;
  readonly entries: EntryInfo[];
}

async function listInto(listing: Listing, path: string, raw: RawPath, depth: number): Promise<void> {
  const { entries, maxEntries } = listing;
  const found = await directoryNames(raw);
  if (entries.length + found.length > maxEntries) {
    throw new GuestError(
      'request_too_large',
      `${listing.root} has more than ${maxEntries} entries at this depth; list fewer levels, or run find in the sandbox`,
    );
  }
  for (let first = 0; first < found.length; first += BATCH) {
    const batch = found.slice(first, first + BATCH);
    const infos = await Promise.all(batch.map((child) => unlessGone(entryInfo(posix.join(path, child.name), child.raw, listing.names))));
    for (const [index, info] of infos.entries()) {
      const child = batch[index] as DirectoryName;
      if (info === undefined) continue;
      entries.push(info);
      if (child.directory && depth > 1) await unlessGone(listInto(listing, info.path, child.raw, depth - 1));
    }
  }
}
