import { type Extract, extract, type Header } from 'tar-stream';
import type { Account } from '../account.ts';
import { GuestError } from '../guest-error.ts';
import { drained } from './drained.ts';
import { ExtractionTarget } from './extraction-target.ts';
import { makeDirectories } from './file-owner.ts';

const MAX_NAME_BYTES = 4096;
const MAX_SEGMENT_BYTES = 255;

/**
 * Extracts a tar archive below a directory, which is made when it is missing, and never anywhere else: a leading slash counts for
 * nothing, `..` is refused, and so is a name that leads through a symbolic link, from the archive or not. Everything belongs to the
 * user; permissions and times are kept, set-user-id and the like are not. Files replace files and links, each at once; directories that
 * are there stay as they are. Devices and pipes are left out. What was extracted before an error stays.
 * @throws GuestError invalid_request, request_too_large, not_a_directory, is_a_directory, disk_full, …
 */
export async function receiveArchive(path: string, account: Account, body: AsyncIterable<Buffer>): Promise<void> {
  await makeDirectories(path, account);
  await using target = await ExtractionTarget.open(path, account);
  const tar = extract();
  let broken: unknown;
  feed(tar, body).catch((error) => {
    broken = error;
    tar.destroy(error);
  });
  try {
    for await (const entry of tar) {
      await extractEntry(target, entry.header, entry as AsyncIterable<Buffer>);
      entry.resume(); // what is left of it, so that the next one comes
    }
  } catch (error) {
    if (broken !== undefined) throw broken;
    // What is neither ours nor the system's is tar-stream's, about the archive.
    if (error instanceof GuestError || (error as NodeJS.ErrnoException).syscall !== undefined) throw error;
    throw new GuestError('invalid_request', `the body is not a whole tar archive: ${(error as Error).message}`, { cause: error });
  } finally {
    tar.destroy();
  }
}

/** Nobody waits for it: what fails here fails where the entries are read, and a body may come long after that. */
async function feed(tar: Extract, body: AsyncIterable<Buffer>): Promise<void> {
  tar.on('error', () => {});
  for await (const chunk of body) {
    if (tar.destroyed) return;
    if (!tar.write(chunk)) await drained(tar).catch(() => {});
  }
  tar.end(null);
}

async function extractEntry(target: ExtractionTarget, header: Header, bytes: AsyncIterable<Buffer>): Promise<void> {
  const segments = entrySegments(header.name);
  if (segments.length === 0) return; // the directory itself
  const attributes = { mode: header.mode, mtime: header.mtime };
  switch (header.type) {
    case 'directory':
      return target.makeDirectory(segments, attributes);
    case 'file':
    case 'contiguous-file':
      refuseSparse(header);
      return target.writeFile(segments, attributes, bytes);
    case 'symlink':
      return target.makeSymlink(segments, checked(header.linkname), attributes);
    case 'link':
      return target.makeLink(segments, entrySegments(header.linkname));
    case 'fifo':
    case 'character-device':
    case 'block-device':
      return;
    default:
      throw new GuestError(
        'invalid_request',
        `the archive's entry ${header.name} is of a kind that is not known; make the archive in the POSIX or GNU format`,
      );
  }
}

/** @throws GuestError invalid_request */
function entrySegments(name: string): string[] {
  const segments = checked(name)
    .split('/')
    .filter((segment) => segment !== '' && segment !== '.');
  if (segments.includes('..')) throw new GuestError('invalid_request', `the archive's entry ${name} would be outside of the directory`);
  if (segments.some((segment) => Buffer.byteLength(segment) > MAX_SEGMENT_BYTES)) throw tooLong(name);
  return segments;
}

function checked(name: string): string {
  if (Buffer.byteLength(name) > MAX_NAME_BYTES) throw tooLong(name);
  if (name.includes('\0')) throw new GuestError('invalid_request', 'a name in the archive has a NUL character');
  return name;
}

function tooLong(name: string): GuestError {
  return new GuestError('invalid_request', `a name in the archive is too long: ${name.slice(0, 64)}…`);
}

/** Its bytes would be a map and the pieces, and not the file. */
function refuseSparse({ name, pax }: Header): void {
  if (pax && Object.keys(pax).some((key) => key.startsWith('GNU.sparse.'))) {
    throw new GuestError('invalid_request', `the archive's entry ${name} is a sparse file; make the archive without --sparse`);
  }
}
