import { stat } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { basename, join } from 'node:path';
import type { Account } from '../account.ts';
import { GuestError } from '../guest-error.ts';
import type { GuestSettings } from '../settings.ts';
import { resolvePath } from './file-path.ts';
import { multipartBoundary, readMultipart } from './multipart.ts';
import { requestBody } from './request-body.ts';
import { type FileAttributes, StagedFile } from './staged-file.ts';

/** Files that one upload may have. */
const MAX_FILES = 10_000;

/** A file that was written, as envd tells it. */
export interface WrittenFile {
  readonly name: string;
  readonly type: 'file';
  readonly path: string;
}

export interface Upload {
  readonly account: Account;
  readonly settings: GuestSettings;
  /** As asked for; undefined when the parts of the upload say where they belong. */
  readonly path: string | undefined;
  readonly attributes: FileAttributes;
}

/**
 * Writes what a request carries: the whole body to one file, or, of `multipart/form-data`, each part named `file` to the path that is
 * its file name (below `path` when that is a directory, or exactly there when it is not). All files of an upload come to be
 * together at its end, or none does when it breaks off or one of them can't be written.
 * @throws GuestError invalid_request, is_a_directory, disk_full, …
 */
export async function receiveFiles(request: IncomingMessage, upload: Upload): Promise<WrittenFile[]> {
  const body = requestBody(request);
  const contentType = request.headers['content-type'] ?? '';
  await using batch = new UploadBatch(upload);
  if (/^\s*multipart\//i.test(contentType)) await receiveParts(body, multipartBoundary(contentType), upload, batch);
  else await receiveWhole(body, upload, batch);
  return await batch.commit();
}

async function receiveWhole(body: AsyncIterable<Buffer>, upload: Upload, batch: UploadBatch): Promise<void> {
  if (!upload.path) throw new GuestError('invalid_request', 'say with the query parameter path where the file belongs');
  await batch.write(resolvePath(upload.path, upload.account, upload.settings), body);
}

async function receiveParts(body: AsyncIterable<Buffer>, boundary: string, upload: Upload, batch: UploadBatch): Promise<void> {
  const place = upload.path === undefined ? undefined : resolvePath(upload.path, upload.account, upload.settings);
  const directory =
    place !== undefined &&
    (await stat(place).then(
      (found) => found.isDirectory(),
      () => false,
    ));
  for await (const part of readMultipart(body, boundary)) {
    if (part.name !== 'file') continue;
    if (!part.filename && (place === undefined || directory))
      throw new GuestError('invalid_request', 'a part has no filename to say where it belongs');
    const { filename = '' } = part;
    const path = directory ? join(place, basename(filename)) : (place ?? resolvePath(filename, upload.account, upload.settings));
    await batch.write(path, part.body);
  }
}

/** Files that are written together. What is not committed when it goes is removed. */
class UploadBatch implements AsyncDisposable {
  readonly #upload: Upload;
  readonly #files = new Map<string, StagedFile>();

  constructor(upload: Upload) {
    this.#upload = upload;
  }

  async write(path: string, bytes: AsyncIterable<Buffer>): Promise<void> {
    if (this.#files.has(path)) throw new GuestError('invalid_request', `the upload has two files for ${path}`);
    if (this.#files.size === MAX_FILES)
      throw new GuestError('request_too_large', `an upload may have ${MAX_FILES} files; send the others in another one`);
    const file = await StagedFile.open(path, this.#upload.account);
    this.#files.set(path, file);
    await file.append(bytes);
    await file.finish(this.#upload.attributes);
  }

  async commit(): Promise<WrittenFile[]> {
    for (const file of this.#files.values()) await file.commit();
    const paths = [...this.#files.keys()];
    this.#files.clear();
    return paths.map((path) => ({ name: basename(path), type: 'file', path }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const file of this.#files.values()) await file.discard();
  }
}
