import { byteStream } from './byte-stream.ts';
import type { CallOptions } from './call-options.ts';
import { SandglassError } from './errors.ts';
import { readFileEvents } from './file-events.ts';
import type { FileContent, FileEntry, FileEvent } from './file-types.ts';
import { query, sandboxPath } from './paths.ts';
import type { BodyContent, Call, RawBody, Transport } from './transport.ts';

export interface FileOptions extends CallOptions {
  /** Who does it, and whose home relative paths are below; the sandbox's default user when absent. */
  readonly user?: string;
}

export interface ReadOptions extends FileOptions {
  /** First byte to read. */
  readonly offset?: number;
  /** Bytes to read at most, from 1 on. */
  readonly length?: number;
}

export interface WriteFileOptions extends FileOptions {
  /** Permission bits, such as `0o755`. */
  readonly mode?: number;
}

/**
 * Files in sandboxes. Paths are absolute, or relative to the sandbox's working directory. All methods throw SandglassError
 * `sandbox_not_found`, `sandbox_not_running`, `file_not_found`, `file_access_denied`, `invalid_path`.
 */
export class Files {
  readonly #transport: Transport;
  readonly #namespace: string;

  constructor(transport: Transport, namespace: string) {
    this.#transport = transport;
    this.#namespace = namespace;
  }

  /** A file's bytes, all in memory. @throws SandglassError `is_a_directory`, `range_not_satisfiable`. */
  async read(sandboxId: string, path: string, options: ReadOptions = {}): Promise<Uint8Array> {
    return new Uint8Array(await new Response(await this.readStream(sandboxId, path, options)).arrayBuffer());
  }

  /** A file's text. What is no UTF-8 becomes U+FFFD. @throws SandglassError like `read`. */
  async readText(sandboxId: string, path: string, options: ReadOptions = {}): Promise<string> {
    return new TextDecoder('utf-8', { ignoreBOM: true }).decode(await this.read(sandboxId, path, options));
  }

  /** A file's bytes as they come; as long as nobody reads, none are sent. @throws SandglassError like `read`. */
  async readStream(sandboxId: string, path: string, options: ReadOptions = {}): Promise<ReadableStream<Uint8Array>> {
    return byteStream(await this.#read(sandboxId, path, options), options.signal);
  }

  /**
   * Writes a file; one that is there is replaced, and folders above it are made. Of a stream, no more is taken than is sent. Browsers
   * can send streams only over HTTP/2. @throws SandglassError `is_a_directory`, `not_a_directory`, `disk_full`.
   */
  async write(sandboxId: string, path: string, content: FileContent, options: WriteFileOptions = {}): Promise<FileEntry> {
    const { user, mode, signal } = options;
    return (
      await this.#transport.json<FileEntry>({
        method: 'PUT',
        path: this.#path(sandboxId),
        query: query({ path, user, mode: mode?.toString(8).padStart(4, '0') }),
        ...upload('application/octet-stream', content),
        signal,
      })
    ).body;
  }

  /** Removes a file; a directory only when it is empty or with `recursive`. @throws SandglassError `directory_not_empty`. */
  remove(sandboxId: string, path: string, { recursive, user, signal }: FileOptions & { readonly recursive?: boolean } = {}): Promise<void> {
    return this.#transport.done({
      method: 'DELETE',
      path: this.#path(sandboxId),
      query: query({ path, user, recursive: recursive || undefined }),
      repeatable: 'never', // a second time it would not be there
      signal,
    });
  }

  /** What there is at `path`; of a symbolic link, the link itself. */
  stat(sandboxId: string, path: string, { user, signal }: FileOptions = {}): Promise<FileEntry> {
    return this.#json({ method: 'GET', path: this.#path(sandboxId, '/stat'), query: query({ path, user }), repeatable: 'safe', signal });
  }

  /** What is in a directory; with `depth`, also what is in directories in it, so many levels deep. @throws SandglassError `not_a_directory`. */
  async list(
    sandboxId: string,
    path: string,
    { depth, user, signal }: FileOptions & { readonly depth?: number } = {},
  ): Promise<readonly FileEntry[]> {
    const { entries } = await this.#json<{ entries: readonly FileEntry[] }>({
      method: 'GET',
      path: this.#path(sandboxId, '/list'),
      query: query({ path, depth, user }),
      repeatable: 'safe',
      signal,
    });
    return entries;
  }

  /** Makes a directory and those above it. @throws SandglassError `file_exists`. */
  mkdir(sandboxId: string, path: string, { user, signal }: FileOptions = {}): Promise<FileEntry> {
    const body = { path, ...(user !== undefined && { user }) };
    return this.#json({ method: 'POST', path: this.#path(sandboxId, '/mkdir'), body, repeatable: 'never', signal });
  }

  /** Renames a file or directory. @throws SandglassError `file_exists`, `not_a_directory` … */
  move(sandboxId: string, source: string, destination: string, { user, signal }: FileOptions = {}): Promise<FileEntry> {
    const body = { source, destination, ...(user !== undefined && { user }) };
    return this.#json({ method: 'POST', path: this.#path(sandboxId, '/move'), body, repeatable: 'never', signal });
  }

  /**
   * What changes below a directory, in order: `start` first, from which on nothing is missed. Leaving the loop ends it.
   * @throws SandglassError `not_a_directory`; `stream_ended` when the connection broke.
   */
  async *watch(
    sandboxId: string,
    path: string,
    { recursive, user, signal }: FileOptions & { readonly recursive?: boolean } = {},
  ): AsyncGenerator<FileEvent, void> {
    const body = await this.#transport.stream({
      method: 'GET',
      path: this.#path(sandboxId, '/watch'),
      query: query({ path, recursive: recursive || undefined, user }),
      repeatable: 'safe',
      signal,
    });
    yield* readFileEvents(body, signal);
  }

  /**
   * A file or directory as a tar archive, whose names begin with its own. It comes from the sandbox: whoever unpacks it must reckon
   * with absolute names, `..` and links.
   */
  async readArchive(sandboxId: string, path: string, { user, signal }: FileOptions = {}): Promise<ReadableStream<Uint8Array>> {
    const call = {
      method: 'GET',
      path: this.#path(sandboxId, '/archive'),
      query: query({ path, user }),
      repeatable: 'safe',
      signal,
    } as const;
    return byteStream(await this.#transport.bytes(call), signal);
  }

  /** Unpacks a tar archive below a directory, which is made if need be; files that are there are replaced. */
  writeArchive(sandboxId: string, path: string, archive: Exclude<FileContent, string>, { user, signal }: FileOptions = {}): Promise<void> {
    return this.#transport.done({
      method: 'PUT',
      path: this.#path(sandboxId, '/archive'),
      query: query({ path, user }),
      ...upload('application/x-tar', archive),
      signal,
    });
  }

  async #read(sandboxId: string, path: string, { user, offset, length, signal }: ReadOptions): Promise<Response> {
    const range = rangeOf(offset, length);
    const response = await this.#transport.bytes({
      method: 'GET',
      path: this.#path(sandboxId),
      query: query({ path, user }),
      range,
      repeatable: 'safe',
      signal,
    });
    if (range === undefined || response.status === 206) return response;
    await response.body?.cancel();
    throw new SandglassError(
      'unknown',
      'unexpected_answer',
      'asked for a part of a file, the answer is all of it: a proxy on the way drops Range',
    );
  }

  async #json<T>(call: Call): Promise<T> {
    return (await this.#transport.json<T>(call)).body;
  }

  #path(sandboxId: string, rest = ''): string {
    return `${sandboxPath(this.#namespace, sandboxId)}/files${rest}`;
  }
}

/** A body, and whether it can be sent again: what has been written twice is there once. */
function upload(type: string, content: FileContent): { readonly raw: RawBody; readonly repeatable: 'safe' | 'never' } {
  return { raw: { type, content: content as BodyContent }, repeatable: content instanceof ReadableStream ? 'never' : 'safe' };
}

/** @throws SandglassError `invalid_options`. */
function rangeOf(offset = 0, length?: number): string | undefined {
  if (!Number.isSafeInteger(offset) || offset < 0 || (length !== undefined && (!Number.isSafeInteger(length) || length < 1))) {
    throw new SandglassError('invalid_argument', 'invalid_options', 'offset must be a whole number from 0 on, length one from 1 on');
  }
  if (length !== undefined) return `bytes=${offset}-${offset + length - 1}`;
  return offset === 0 ? undefined : `bytes=${offset}-`;
}
