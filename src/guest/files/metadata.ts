import { GuestError } from '../guest-error.ts';
import { libc, type RawPath } from './libc.ts';

/** Metadata of a file are the extended attributes with this prefix, as E2B's envd keeps them. */
const PREFIX = 'user.e2b.';

/** What the kernel allows: a name of 255 bytes, a value of 64 KiB. */
const MAX_NAME_BYTES = 255;
const MAX_VALUE_BYTES = 64 * 1024;

/** The metadata of a file or directory. None where the file system keeps none, and of symbolic links, which can't have any. */
export function readMetadata(path: RawPath): Record<string, string> {
  const metadata: Record<string, string> = {};
  for (const name of attributeNames(path)) {
    if (!name.startsWith(PREFIX)) continue;
    const value = attribute(path, name);
    if (value !== undefined) metadata[name.slice(PREFIX.length)] = value.toString('utf8');
  }
  return metadata;
}

/**
 * Adds to the metadata of a file or directory.
 * @throws GuestError invalid_request when the file system keeps none, or a name or value is too long for it.
 */
export function writeMetadata(path: string, metadata: Readonly<Record<string, string>>): void {
  for (const [key, value] of Object.entries(metadata)) {
    const bytes = Buffer.from(value);
    if (Buffer.byteLength(PREFIX + key) > MAX_NAME_BYTES || key.includes('\0') || bytes.length > MAX_VALUE_BYTES) {
      throw new GuestError(
        'invalid_request',
        `metadata ${JSON.stringify(key.slice(0, 64))} is too long; a name may have 246 bytes, a value 64 KiB`,
      );
    }
    try {
      libc().lsetxattr(path, PREFIX + key, bytes);
    } catch (error) {
      throw metadataError(error, key);
    }
  }
}

/** Copies all extended attributes that can be copied, such as capabilities of programs, from one file to another. */
export function copyAttributes(from: RawPath, to: RawPath): void {
  for (const name of attributeNames(from)) {
    try {
      libc().lsetxattr(to, name, attribute(from, name) ?? Buffer.alloc(0));
    } catch {
      // Some belong to their file system, as those of overlayfs: a copy elsewhere does without.
    }
  }
}

function attributeNames(path: RawPath): string[] {
  const list = whole((buffer) => libc().llistxattr(path, buffer));
  return list === undefined ? [] : list.toString('utf8').split('\0').slice(0, -1);
}

function attribute(path: RawPath, name: string): Buffer | undefined {
  return whole((buffer) => libc().lgetxattr(path, name, buffer));
}

/** Asks for the length, then for the bytes; nothing when there is nothing, or it has gone or grown meanwhile. */
function whole(read: (buffer: Buffer | null) => number): Buffer | undefined {
  try {
    const length = read(null);
    if (length === 0) return Buffer.alloc(0);
    const buffer = Buffer.alloc(length);
    return buffer.subarray(0, read(buffer));
  } catch {
    return undefined;
  }
}

function metadataError(error: unknown, key: string): unknown {
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'ENOTSUP' || code === 'EOPNOTSUPP') {
    return new GuestError(
      'invalid_request',
      `the file system keeps no metadata, so ${JSON.stringify(key)} cannot be kept; write the file without`,
    );
  }
  if (code === 'ENOSPC' || code === 'E2BIG' || code === 'ERANGE') {
    return new GuestError(
      'invalid_request',
      `the file system has no room for metadata ${JSON.stringify(key)}; it keeps a few KiB for each file`,
    );
  }
  return error;
}
