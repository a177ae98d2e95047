import { constants, type Stats } from 'node:fs';
import { lstat, readlink, realpath, stat, statfs } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { basename } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { type Header, type Pack, pack } from 'tar-stream';
import { contentDisposition } from './content-disposition.ts';
import { directoryNames } from './directory-names.ts';
import { drained } from './drained.ts';
import { fileBytes } from './file-bytes.ts';
import type { RawPath } from './libc.ts';
import { type OwnerNames, ownerNames } from './owner-names.ts';
import { PinnedDirectory } from './pinned-directory.ts';
import { openRegularFile } from './regular-file.ts';

/** What the kernel makes up: of these the directory is sent, but not what is in it. See statfs(2). */
const PSEUDO_FILE_SYSTEMS: ReadonlySet<number> = new Set([
  0x9fa0, // proc
  0x62656572, // sysfs
  0x1cd1, // devpts
  0x19800202, // mqueue
  0x27e0eb, // cgroup
  0x63677270, // cgroup2
]);

/** Largest number that the fixed fields of a header hold: seven octal digits of an owner; seconds that tar-stream writes. */
const MAX_HEADER_ID = 0o777777;
const MAX_HEADER_SECS = 2 ** 31 - 1;

/**
 * Answers with a tar archive of a file or directory, whose own name is the first entry's, as `docker cp` makes it. Symbolic links are
 * kept (but `path` itself is followed), hard links become files of their own, sockets, pipes and devices are left out, and so is what
 * vanishes meanwhile. A file that is truncated while it is read breaks the connection. Names that are not UTF-8 are changed
 * to what is: the archive format has no others.
 * @throws Error as stat(2), before anything is answered.
 */
export async function sendArchive(path: string, response: ServerResponse): Promise<void> {
  const root = await realpath(path);
  const stats = await stat(root);
  const name = basename(path);
  response.writeHead(200, { 'Content-Type': 'application/x-tar', 'Content-Disposition': contentDisposition(`${name || 'root'}.tar`) });
  const tar = pack();
  const writer = new ArchiveWriter(tar, await ownerNames());
  const writing = writer.add(root, name, stats).then(
    () => tar.finalize(),
    (error) => void tar.destroy(error),
  );
  try {
    await pipeline(bytesOf(tar), response);
  } finally {
    tar.destroy();
    await writing;
  }
}

/** An iterable of its own: Node's pipeline takes streams of tar-stream, which are not Node's, for something else. */
async function* bytesOf(tar: Pack): AsyncGenerator<Buffer, void, undefined> {
  yield* tar as AsyncIterable<Buffer>;
}

type EntryHeader = Partial<Header> & Pick<Header, 'name'>;

class ArchiveWriter {
  readonly #tar: Pack;
  readonly #owners: OwnerNames;

  constructor(tar: Pack, owners: OwnerNames) {
    this.#tar = tar;
    this.#owners = owners;
  }

  /** @param name in the archive; empty for the root directory, which has no entry. */
  async add(raw: RawPath, name: string, stats: Stats): Promise<void> {
    if (stats.isDirectory()) await this.#addDirectory(raw, name, stats);
    else if (stats.isSymbolicLink()) await this.#addEmpty({ ...this.#header(name, stats), type: 'symlink', linkname: await readlink(raw) });
    else if (stats.isFile()) await this.#addFile(raw, name);
  }

  async #addDirectory(raw: RawPath, name: string, stats: Stats): Promise<void> {
    await using directory = await PinnedDirectory.open(raw);
    if (name !== '') await this.#addEmpty({ ...this.#header(`${name}/`, stats), type: 'directory' });
    if (PSEUDO_FILE_SYSTEMS.has((await statfs(directory.path)).type)) return;
    for (const child of await directoryNames(directory.path)) {
      try {
        await this.add(child.raw, name === '' ? child.name : `${name}/${child.name}`, await lstat(child.raw));
      } catch (error) {
        if (!hasVanished(error)) throw error;
      }
    }
  }

  async #addFile(raw: RawPath, name: string): Promise<void> {
    const { handle, stats } = await openRegularFile(raw, constants.O_NOFOLLOW);
    try {
      await this.#addBytes({ ...this.#header(name, stats), type: 'file', size: stats.size }, fileBytes(handle, 0, stats.size));
    } finally {
      await handle.close();
    }
  }

  #addEmpty(header: EntryHeader): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#tar.entry(header, (error) => (error ? reject(error) : resolve()));
    });
  }

  async #addBytes(header: EntryHeader, bytes: AsyncIterable<Buffer>): Promise<void> {
    let ended: (error?: Error | null) => void = () => {};
    const end = new Promise<void>((resolve, reject) => {
      ended = (error) => (error ? reject(error) : resolve());
    });
    const sink = this.#tar.entry(header, ended);
    // Both tell of the same, and are to be heard before somebody waits for it.
    sink.on('error', () => {});
    end.catch(() => {});
    try {
      for await (const block of bytes) if (!sink.write(block)) await drained(sink);
      sink.end(null);
    } catch (error) {
      sink.destroy(error as Error);
    }
    await end;
  }

  #header(name: string, stats: Stats): EntryHeader {
    const secs = Math.floor(stats.mtimeMs / 1000);
    const header: EntryHeader = {
      name,
      mode: stats.mode & 0o7777,
      uid: stats.uid,
      gid: stats.gid,
      uname: headerName(this.#owners.user(stats.uid)),
      gname: headerName(this.#owners.group(stats.gid)),
      mtime: new Date(Math.min(Math.max(secs, 0), MAX_HEADER_SECS) * 1000),
    };
    const pax: { uid?: string; gid?: string; mtime?: string } = {};
    if (stats.uid > MAX_HEADER_ID) pax.uid = String(stats.uid);
    if (stats.gid > MAX_HEADER_ID) pax.gid = String(stats.gid);
    if (secs < 0 || secs > MAX_HEADER_SECS) pax.mtime = String(secs);
    return Object.keys(pax).length > 0 ? { ...header, pax } : header;
  }
}

/** The field has 32 bytes; a longer name goes without, as the number says it, too. */
function headerName(name: string): string {
  return Buffer.byteLength(name) < 32 ? name : '';
}

/** Also a link in place of what was a file or directory a moment before. */
function hasVanished(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOENT' || code === 'ENOTDIR' || code === 'ELOOP';
}
