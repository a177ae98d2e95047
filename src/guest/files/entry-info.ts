import type { Stats } from 'node:fs';
import { lstat, readlink, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { type EntryInfo, EntryInfoSchema, FileType } from '../../rpc/gen/filesystem/filesystem_pb.js';
import type { RawPath } from './libc.ts';
import { readMetadata } from './metadata.ts';
import { type OwnerNames, ownerNames } from './owner-names.ts';

/**
 * What there is at an absolute path. A symbolic link is told with its own size, mode and owner, where it points to, and the type of
 * what is there (as envd does), or SYMLINK when nothing is; sockets, pipes and devices have no type.
 * @param raw the path in bytes, where the name is not UTF-8 and `path` but shows it.
 * @throws Error as lstat(2).
 */
export async function entryInfo(path: string, raw: RawPath = path, names?: OwnerNames): Promise<EntryInfo> {
  const [stats, owners] = await Promise.all([lstat(raw), names ?? ownerNames()]);
  const link = stats.isSymbolicLink();
  const info: MessageInitShape<typeof EntryInfoSchema> = {
    name: basename(path) || '/',
    type: link ? await targetType(raw) : fileType(stats),
    path,
    size: BigInt(stats.size),
    mode: stats.mode & 0o7777,
    permissions: permissions(stats),
    owner: owners.user(stats.uid),
    group: owners.group(stats.gid),
    modifiedTime: timestampFromMs(Math.floor(stats.mtimeMs)),
    metadata: link ? {} : readMetadata(raw),
  };
  if (link) info.symlinkTarget = await readlink(raw);
  return create(EntryInfoSchema, info);
}

async function targetType(path: RawPath): Promise<FileType> {
  try {
    return fileType(await stat(path));
  } catch {
    return FileType.SYMLINK;
  }
}

function fileType(stats: Stats): FileType {
  if (stats.isFile()) return FileType.FILE;
  return stats.isDirectory() ? FileType.DIRECTORY : FileType.UNSPECIFIED;
}

const SET_UID = 0o4000;
const SET_GID = 0o2000;
const STICKY = 0o1000;

/** Ten characters, as `ls -l` shows them. */
export function permissions(
  stats: Pick<Stats, 'mode' | 'isDirectory' | 'isSymbolicLink' | 'isFIFO' | 'isSocket' | 'isBlockDevice' | 'isCharacterDevice'>,
): string {
  const { mode } = stats;
  return [
    typeLetter(stats),
    triplet(mode >> 6, mode & SET_UID, 's'),
    triplet(mode >> 3, mode & SET_GID, 's'),
    triplet(mode, mode & STICKY, 't'),
  ].join('');
}

function triplet(bits: number, special: number, letter: string): string {
  const executable = (bits & 1) !== 0;
  const last = special === 0 ? (executable ? 'x' : '-') : executable ? letter : letter.toUpperCase();
  return `${bits & 4 ? 'r' : '-'}${bits & 2 ? 'w' : '-'}${last}`;
}

function typeLetter(stats: Parameters<typeof permissions>[0]): string {
  if (stats.isDirectory()) return 'd';
  if (stats.isSymbolicLink()) return 'l';
  if (stats.isFIFO()) return 'p';
  if (stats.isSocket()) return 's';
  if (stats.isBlockDevice()) return 'b';
  return stats.isCharacterDevice() ? 'c' : '-';
}
