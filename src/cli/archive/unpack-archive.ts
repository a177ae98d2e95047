import { chmod, link, lstat, mkdir, symlink, unlink, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { type Extract, extract, type Header } from 'tar-stream';
import { writeNewFile } from '../copy/staging.ts';
import { CliError } from '../failure.ts';
import { ArchiveSource } from './archive-source.ts';
import { segmentsBelow, staysWithin, unsafe } from './entry-path.ts';

type Entry = Extract extends AsyncIterable<infer E> ? E : never;

export interface UnpackOptions {
  /** Of the folder that the archive is of: names begin with it, as those of `docker cp` do. Empty for the root folder. */
  readonly ownName: string;
  /** Empty, and nobody else writes to it. */
  readonly folder: string;
  readonly signal: AbortSignal;
  /** Called for every file that is complete. */
  readonly onFile: () => void;
  /** Called with the name of what is left out, and why. */
  readonly onSkipped: (name: string, why: string) => void;
}

/**
 * Unpacks a tar archive that may be hostile. Nothing is written outside of `folder`, and nothing through a link. Special files, and
 * links that lead out of the folder, are left out; of permissions, only the usual nine bits are kept. Resolves with those of the folder.
 * @throws CliError for an archive that tries to lead out, or that ends too early.
 */
export async function unpackArchive(archive: AsyncIterable<Uint8Array>, options: UnpackOptions): Promise<number> {
  const { signal } = options;
  const source = new ArchiveSource(archive);
  const entries = extract();
  const feeding = pipeline(source.chunks(), entries as unknown as NodeJS.WritableStream, { signal });
  feeding.catch(() => {}); // told by the loop, or below
  const unpacking = new Unpacking(options);
  try {
    for await (const entry of entries) {
      await unpacking.add(entry);
      entry.resume();
    }
  } catch (thrown) {
    signal.throwIfAborted();
    if (source.failure !== undefined) throw source.failure;
    throw isTarError(thrown) ? new CliError(`the archive from the sandbox is broken: ${(thrown as Error).message}`) : thrown;
  }
  await feeding;
  if (!source.isComplete) throw new CliError('the archive from the sandbox ended too early');
  return unpacking.finish();
}

class Unpacking {
  readonly #options: UnpackOptions;
  /** Paths known to be folders and no links, relative to the folder; once one is, it stays one. */
  readonly #folders = new Set<string>(['']);
  /** What folders get in the end: earlier, some could not be written to. */
  readonly #folderModes = new Map<string, number>();

  constructor(options: UnpackOptions) {
    this.#options = options;
  }

  async add(entry: Entry): Promise<void> {
    const { header } = entry;
    const segments = segmentsBelow(this.#options.ownName, header.name);
    if (header.type === 'directory') {
      await this.#addFolder(segments, header);
      return;
    }
    const name = segments.pop();
    if (name === undefined) throw unsafe(header.name, 'it is no name of a file');
    const parent = await this.#folder(segments, header.name);
    const path = join(parent, name);
    switch (header.type) {
      case 'file':
      case 'contiguous-file':
        await this.#addFile(path, entry);
        return;
      case 'symlink':
        await this.#addSymlink(path, segments.length, header);
        return;
      case 'link':
        await this.#addLink(path, header);
        return;
      default:
        this.#options.onSkipped(header.name, `it is a ${header.type ?? 'special file'}`);
    }
  }

  /** Gives folders their permissions, the deepest first. Resolves with those of the folder itself. */
  async finish(): Promise<number> {
    const { folder } = this.#options;
    for (const [path, mode] of [...this.#folderModes].reverse()) if (path !== '') await chmod(join(folder, path), mode);
    return this.#folderModes.get('') ?? 0o755;
  }

  async #addFolder(segments: readonly string[], { name, mode }: Header): Promise<void> {
    await this.#folder(segments, name);
    // Whoever copies must be able to remove it again.
    this.#folderModes.set(segments.join('/'), permissions(mode, 0o755) | 0o700);
  }

  async #addFile(path: string, entry: Entry): Promise<void> {
    const { mode, mtime } = entry.header;
    await this.#makeRoom(path, entry.header.name);
    await writeNewFile(path, entry as AsyncIterable<Uint8Array>, permissions(mode, 0o644), this.#options.signal);
    if (mtime !== undefined && !Number.isNaN(mtime.getTime())) await utimes(path, mtime, mtime);
    this.#options.onFile();
  }

  async #addSymlink(path: string, depth: number, { name, linkname }: Header): Promise<void> {
    if (!staysWithin(linkname ?? '', depth)) {
      this.#options.onSkipped(name, 'it is a link that leads out of the folder');
      return;
    }
    await this.#makeRoom(path, name);
    await symlink(linkname ?? '', path);
  }

  /** A second name for a file that the archive has brought. */
  async #addLink(path: string, { name, linkname }: Header): Promise<void> {
    const segments = segmentsBelow(this.#options.ownName, linkname ?? '');
    const last = segments.pop();
    if (last === undefined) throw unsafe(name, 'it is a second name for nothing');
    const target = join(await this.#folder(segments, name), last);
    if (!(await lstatOrUndefined(target))?.isFile()) throw unsafe(name, 'it is a second name for something that is no file of the archive');
    if (target === path) return;
    await this.#makeRoom(path, name);
    await link(target, path);
    this.#options.onFile();
  }

  /** A name may come twice: the last one counts. A folder stays. */
  async #makeRoom(path: string, name: string): Promise<void> {
    const existing = await lstatOrUndefined(path);
    if (existing?.isDirectory()) throw unsafe(name, 'it is a folder before');
    if (existing !== undefined) await unlink(path);
  }

  /** The path of a folder below the folder, made if need be. @throws CliError when a part of it is a link or a file. */
  async #folder(segments: readonly string[], name: string): Promise<string> {
    let relative = '';
    for (const segment of segments) {
      relative = relative === '' ? segment : `${relative}/${segment}`;
      if (this.#folders.has(relative)) continue;
      const path = join(this.#options.folder, relative);
      const existing = await lstatOrUndefined(path);
      if (existing === undefined) await mkdir(path, 0o700);
      else if (!existing.isDirectory()) throw unsafe(name, 'it leads through a link or a file');
      if (existing === undefined) this.#folderModes.set(relative, 0o755);
      this.#folders.add(relative);
    }
    return join(this.#options.folder, relative);
  }
}

/** No set-user-id and the like: what a sandbox brings must not run as somebody else. */
function permissions(mode: number | undefined, absent: number): number {
  return (mode ?? absent) & 0o777;
}

async function lstatOrUndefined(path: string) {
  try {
    return await lstat(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Errors of the file system have a code, ours are CliErrors; the rest comes from reading the archive. */
function isTarError(thrown: unknown): boolean {
  return !(thrown instanceof CliError) && (thrown as NodeJS.ErrnoException).errno === undefined;
}
