import { once } from 'node:events';
import { type ClientRequest, type IncomingMessage, type OutgoingHttpHeaders, request } from 'node:http';
import { connect, type Socket } from 'node:net';
import type { Readable } from 'node:stream';

export interface RawAnswer {
  readonly status: number | undefined;
  readonly headers: IncomingMessage['headers'];
  readonly rawHeaders: readonly string[];
  readonly trailers: NodeJS.Dict<string>;
  readonly body: Buffer;
}

export interface RawCall {
  readonly method?: string;
  /** In addition to `Host`, which is that of the address unless it is here. */
  readonly headers?: OutgoingHttpHeaders | readonly string[];
  readonly body?: Buffer | string;
}

/** Begins a request with just these headers, as `fetch` does not let its callers. */
export function openRequest(port: number, path: string, { method = 'GET', headers = {} }: RawCall = {}): ClientRequest {
  return request({ host: '127.0.0.1', port, path, method, headers, agent: false });
}

/** Sends a request and reads all of its answer. @throws when the answer breaks off. */
export async function sendRequest(port: number, path: string, call: RawCall = {}): Promise<RawAnswer> {
  const sent = openRequest(port, path, call);
  sent.end(call.body);
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  const body = await readAll(response);
  const { statusCode: status, headers, rawHeaders, trailers } = response;
  return { status, headers, rawHeaders, trailers, body };
}

/** Writes `text` on a new connection. */
export async function sendText(port: number, text: string): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
  await once(socket, 'connect');
  socket.on('error', () => {});
  socket.write(text);
  return socket;
}

/** Everything that comes until the other side ends. */
export async function readAll(source: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of source) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
