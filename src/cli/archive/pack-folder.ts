import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { lstat, readdir, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { type Header, type Pack, pack } from 'tar-stream';
import { CliError } from '../failure.ts';

type EntryHeader = Partial<Header> & Pick<Header, 'name'>;

export interface PackOptions {
  readonly signal: AbortSignal;
  /** Called for every file that is packed. */
  readonly onFile: () => void;
  /** Called with the path of what can't be packed, and why. */
  readonly onSkipped: (path: string, why: string) => void;
}

/**
 * What is in a folder as a tar archive, read as it is asked for. Links stay links; sockets and the like are left out. Owners are not
 * kept: they mean nothing in a sandbox. @throws CliError for a name that is no UTF-8, and for a file that shrinks meanwhile.
 */
export async function* packFolder(folder: string, options: PackOptions): AsyncGenerator<Uint8Array, void> {
  const archive = pack();
  // It goes on in the background, no further than the archive's buffer has room.
  const packing = addAll(archive, folder, options).then(
    () => archive.finalize(),
    (error: Error) => archive.destroy(error),
  );
  try {
    yield* archive as AsyncIterable<Uint8Array>;
    await packing;
  } finally {
    archive.destroy();
  }
}

/** Bytes of the files in a folder. */
export async function sizeOfFolder(folder: string): Promise<number> {
  let size = 0;
  for await (const { path, kind } of walk(folder)) if (kind === 'file') size += (await lstat(path)).size;
  return size;
}

async function addAll(archive: Pack, folder: string, options: PackOptions): Promise<void> {
  for await (const { path, name, kind } of walk(folder)) {
    options.signal.throwIfAborted();
    const stat = await lstat(path);
    const header = { name, mode: stat.mode & 0o7777, mtime: stat.mtime, uid: 0, gid: 0 };
    if (kind === 'directory') addEntry(archive, { ...header, type: 'directory' });
    else if (kind === 'symlink') addEntry(archive, { ...header, type: 'symlink', linkname: await readlink(path) });
    else if (kind === 'file') {
      await addFile(archive, path, { ...header, type: 'file', size: stat.size }, options.signal);
      options.onFile();
    } else options.onSkipped(path, 'it is no file, folder or link');
  }
}

function addEntry(archive: Pack, header: EntryHeader): void {
  archive.entry(header, '');
}

async function addFile(archive: Pack, path: string, header: EntryHeader & { size: number }, signal: AbortSignal): Promise<void> {
  const entry = archive.entry(header);
  const closed = new AbortController();
  entry.on('close', () => closed.abort());
  entry.on('error', () => {}); // told by the archive
  let sent = 0;
  // What is appended meanwhile is not part of the copy.
  const chunks = header.size === 0 ? [] : createReadStream(path, { end: header.size - 1, signal });
  for await (const chunk of chunks as AsyncIterable<Buffer>) {
    sent += chunk.length;
    if (!entry.write(chunk)) await once(entry, 'drain', { signal: AbortSignal.any([signal, closed.signal]) });
  }
  if (sent < header.size) throw new CliError(`${path} became shorter while it was read`);
  entry.end(undefined);
  if (!closed.signal.aborted) await once(entry, 'close', { signal });
}

interface Found {
  readonly path: string;
  /** Below the folder. */
  readonly name: string;
  readonly kind: 'file' | 'directory' | 'symlink' | 'other';
}

/** All that is in a folder, each folder before what is in it. Links are not followed. */
async function* walk(folder: string, below = ''): AsyncGenerator<Found, void> {
  for (const entry of await readdir(Buffer.from(join(folder, below)), { withFileTypes: true, encoding: 'buffer' })) {
    const name = join(below, decodeName(entry.name, join(folder, below)));
    const path = join(folder, name);
    const kind = entry.isDirectory() ? 'directory' : entry.isFile() ? 'file' : entry.isSymbolicLink() ? 'symlink' : 'other';
    yield { path, name, kind };
    if (kind === 'directory') yield* walk(folder, name);
  }
}

/** @throws CliError: names travel as text. */
function decodeName(bytes: Buffer, folder: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new CliError(`a name in ${folder} is not UTF-8: ${bytes.toString('latin1')}`, { hint: 'rename it, or copy the rest by itself' });
  }
}
