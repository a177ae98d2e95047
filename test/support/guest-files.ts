import { createServer, request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { type Client, createClient } from '@connectrpc/connect';
import { connectNodeAdapter, createConnectTransport } from '@connectrpc/connect-node';
import { onTestFinished } from 'vitest';
import { filesystemService } from '../../src/guest/files/filesystem-service.ts';
import { serveFiles } from '../../src/guest/files/serve-files.ts';
import { type GuestSettings, SettingsHolder } from '../../src/guest/settings.ts';
import { Filesystem } from '../../src/rpc/gen/filesystem/filesystem_pb.js';
import { tempFolder } from './temp-folder.ts';

/** The files of a guest, served over a unix socket as in a sandbox; what is served are files of the test's own folder. */
export interface GuestFiles {
  /** Where the test puts its files; also where relative paths begin. */
  readonly folder: string;
  readonly socket: string;
  readonly rpc: Client<typeof Filesystem>;
  http(method: string, target: string, options?: HttpOptions): Promise<HttpAnswer>;
}

export interface HttpOptions {
  readonly headers?: Readonly<Record<string, string | number>>;
  readonly body?: Buffer | string | AsyncIterable<Buffer>;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  json<T>(): T;
}

/** Of an answer that is an error. */
export interface ErrorBody {
  readonly code: number;
  readonly message: string;
  readonly reason: string;
}

/** Starts them; they end with the running test. */
export async function guestFiles(settings: Partial<GuestSettings> = {}): Promise<GuestFiles> {
  const folder = tempFolder();
  const socket = join(tempFolder(), 'guest.sock');
  const holder = new SettingsHolder();
  holder.set({ env: {}, workdir: folder, ...settings });
  const rpc = connectNodeAdapter({ routes: (router) => router.service(Filesystem, filesystemService(holder)) });
  const server = createServer((request, response) => {
    if (/^\/files([/?]|$)/.test(request.url ?? '')) void serveFiles(request, response, holder);
    else void rpc(request, response);
  });
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return {
    folder,
    socket,
    rpc: createClient(
      Filesystem,
      createConnectTransport({ baseUrl: 'http://guest', httpVersion: '1.1', nodeOptions: { socketPath: socket } }),
    ),
    http: (method, target, options) => exchange(socket, method, target, options),
  };
}

function exchange(socketPath: string, method: string, path: string, { headers = {}, body }: HttpOptions = {}): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({ socketPath, method, path, headers }, (response) => {
      buffer(response).then((bytes) => {
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: bytes, json: () => JSON.parse(bytes.toString()) });
      }, reject);
    });
    request.on('error', reject);
    if (body === undefined) request.end();
    else if (typeof body === 'string' || Buffer.isBuffer(body)) request.end(body);
    else
      Readable.from(body)
        .on('error', () => request.destroy())
        .pipe(request);
  });
}

/** A query of `/files`. */
export function filesTarget(path: string, more: Readonly<Record<string, string>> = {}): string {
  return `/files?${new URLSearchParams({ path, ...more })}`;
}
