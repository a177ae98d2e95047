import type { IncomingHttpHeaders } from 'node:http';
import type { Readable } from 'node:stream';
import type { GuestClient } from './guest-client.ts';
import { malformedAnswer } from './guest-errors.ts';

/** What is asked for, of a file. */
export interface ReadRequest {
  readonly path: string;
  readonly user?: string | undefined;
  /** A Range header. */
  readonly range?: string | undefined;
  /** True: it may come in gzip. */
  readonly gzip: boolean;
}

/** The bytes of a file, as they come, and what is known of them. */
export interface FileBody {
  readonly status: 200 | 206;
  readonly bytes: Readable;
  readonly contentLength?: string;
  readonly contentRange?: string;
  readonly contentEncoding?: 'gzip';
  /** Gives up what has not been read. */
  abandon(): void;
}

export interface WriteRequest {
  readonly path: string;
  readonly user?: string | undefined;
  /** Permission bits in octal. */
  readonly mode?: string | undefined;
  /** Length of `body`, where it is known. */
  readonly contentLength?: string | undefined;
  readonly body: Readable;
}

/** @throws SandglassError `file_not_found`, `is_a_directory`, `range_not_satisfiable` … */
export async function readFile(guest: GuestClient, { path, user, range, gzip }: ReadRequest, signal: AbortSignal): Promise<FileBody> {
  const headers = { ...(range === undefined ? {} : { range }), 'accept-encoding': gzip ? 'gzip' : 'identity' };
  return openBody(guest, `/files?${query({ path, username: user })}`, headers, signal);
}

/** Writes a file, in place of the one that may be there; parents that it lacks are made. */
export async function writeFile(guest: GuestClient, { mode, ...request }: WriteRequest, signal: AbortSignal): Promise<void> {
  await upload(
    guest,
    `/files?${query({ path: request.path, username: request.user, mode: mode?.padStart(4, '0') })}`,
    'application/octet-stream',
    request,
    signal,
  );
}

/** A file or directory, with all that is in it, as tar. */
export async function readArchive(guest: GuestClient, path: string, user: string | undefined, signal: AbortSignal): Promise<FileBody> {
  return openBody(guest, `/files/archive?${query({ path, username: user })}`, { 'accept-encoding': 'identity' }, signal);
}

/** Unpacks a tar below `path`. */
export async function writeArchive(guest: GuestClient, request: Omit<WriteRequest, 'mode'>, signal: AbortSignal): Promise<void> {
  await upload(guest, `/files/archive?${query({ path: request.path, username: request.user })}`, 'application/x-tar', request, signal);
}

async function openBody(guest: GuestClient, path: string, headers: Record<string, string>, signal: AbortSignal): Promise<FileBody> {
  const exchange = await guest.http({ method: 'GET', path, headers, repeatable: true }, [200, 206], signal);
  try {
    const { statusCode, headers: answered } = exchange.response;
    return {
      status: statusCode === 206 ? 206 : 200,
      bytes: guest.untilSilent(exchange.response),
      ...believed(answered),
      abandon: exchange.abandon,
    };
  } catch (error) {
    exchange.abandon();
    throw error;
  }
}

/** The headers of an answer that go to the client: these, and only as they must be. */
function believed(headers: IncomingHttpHeaders): Pick<FileBody, 'contentLength' | 'contentRange' | 'contentEncoding'> {
  const { 'content-length': length, 'content-range': range, 'content-encoding': encoding } = headers;
  if (range !== undefined && !/^bytes (\d{1,16}-\d{1,16}|\*)\/(\d{1,16}|\*)$/.test(range)) throw malformedAnswer('content-range');
  if (encoding !== undefined && encoding !== 'gzip' && encoding !== 'identity') throw malformedAnswer('content-encoding');
  return {
    ...(length === undefined ? {} : { contentLength: length }),
    ...(range === undefined ? {} : { contentRange: range }),
    ...(encoding === 'gzip' ? { contentEncoding: encoding } : {}),
  };
}

async function upload(
  guest: GuestClient,
  path: string,
  contentType: string,
  { body, contentLength }: Pick<WriteRequest, 'body' | 'contentLength'>,
  signal: AbortSignal,
): Promise<void> {
  const headers = { 'content-type': contentType, ...(contentLength === undefined ? {} : { 'content-length': contentLength }) };
  const exchange = await guest.http({ method: 'POST', path, headers, body, repeatable: false }, [200, 204], signal);
  exchange.abandon();
}

function query(values: Readonly<Record<string, string | undefined>>): string {
  const given = Object.entries(values).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return given.map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join('&');
}
