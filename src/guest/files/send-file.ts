import type { Stats } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { basename } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { constants, createGzip } from 'node:zlib';
import { GuestError } from '../guest-error.ts';
import { parseRange } from './byte-range.ts';
import { contentDisposition } from './content-disposition.ts';
import { fileBytes } from './file-bytes.ts';
import { openRegularFile } from './regular-file.ts';

/**
 * Answers with the bytes of a file: all of them, or the range that is asked for, or compressed when gzip is accepted and no range asked
 * for. The length is announced as the file is now; what is appended later is not sent, and when it is truncated meanwhile, the
 * connection breaks, so that nobody takes a part for the whole. Files of /proc, which say that they are empty, are sent up to their end.
 * @throws GuestError is_a_directory, invalid_path, range_not_satisfiable, or Error as open(2), before anything is answered.
 */
export async function sendFile(path: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { handle, stats } = await openRegularFile(path);
  try {
    await sendOpenFile(path, handle, stats, request, response);
  } finally {
    await handle.close();
  }
}

async function sendOpenFile(
  path: string,
  handle: FileHandle,
  stats: Stats,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const modified = stats.mtime.toUTCString();
  response.setHeader('Content-Type', 'application/octet-stream');
  response.setHeader('X-Content-Type-Options', 'nosniff');
  response.setHeader('Content-Disposition', contentDisposition(basename(path)));
  response.setHeader('Last-Modified', modified);
  response.setHeader('Accept-Ranges', 'bytes');
  response.setHeader('Vary', 'Accept-Encoding');

  const { size } = stats;
  const unchanged = request.headers['if-range'] === undefined || request.headers['if-range'] === modified;
  const range = unchanged ? parseRange(request.headers.range, size) : undefined;
  if (range === 'unsatisfiable') {
    response.setHeader('Content-Range', `bytes */${size}`);
    throw new GuestError('range_not_satisfiable', `${path} has ${size} bytes; there is no byte in the range ${request.headers.range}`);
  }
  if (range !== undefined) {
    const length = range.last - range.first + 1;
    response.writeHead(206, { 'Content-Range': `bytes ${range.first}-${range.last}/${size}`, 'Content-Length': length });
    return sendBody(request, response, handle, range.first, length);
  }
  if (size === 0) {
    const { bytesRead } = await handle.read(Buffer.alloc(1), 0, 1, 0);
    if (bytesRead > 0) return sendBody(request, response, handle, 0, Number.POSITIVE_INFINITY);
  } else if (acceptsGzip(request.headers['accept-encoding'])) {
    response.writeHead(200, { 'Content-Encoding': 'gzip' });
    return sendBody(request, response, handle, 0, size, createGzip({ level: constants.Z_BEST_SPEED }));
  }
  response.writeHead(200, { 'Content-Length': size });
  return sendBody(request, response, handle, 0, size);
}

async function sendBody(
  request: IncomingMessage,
  response: ServerResponse,
  handle: FileHandle,
  first: number,
  length: number,
  ...through: NodeJS.ReadWriteStream[]
): Promise<void> {
  if (request.method === 'HEAD') {
    response.end();
    return;
  }
  const bytes = Readable.from(fileBytes(handle, first, length), { objectMode: true, highWaterMark: 1 });
  await pipeline([bytes, ...through, response]);
}

/** Whether gzip is named, and not with a quality of zero. */
function acceptsGzip(header: string | string[] | undefined): boolean {
  const codings = String(header ?? '').split(',');
  return codings.some((coding) => /^\s*(x-)?gzip\s*(;\s*q=(?!0(\.0*)?\s*$).*)?$/i.test(coding));
}
