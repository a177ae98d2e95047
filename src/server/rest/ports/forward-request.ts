import http, { type ClientRequest, type IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { SandglassError } from '../../../model/errors.ts';

/** Most bytes of the head of a program's answer. */
const MAX_HEAD_BYTES = 64 * 1024;

export interface ForwardOptions {
  /** To the program; destroyed with the answer. */
  readonly connection: Duplex;
  /** Method and body are taken of it. */
  readonly incoming: IncomingMessage;
  readonly path: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** Asks the program to change to this protocol; the request has no body then. */
  readonly protocol: string | undefined;
}

/** The head of an answer; `upgraded` when the program changed to the protocol: all that follows is `head`, then its connection. */
export interface AppAnswer {
  readonly response: IncomingMessage;
  readonly upgraded?: { readonly head: Buffer };
}

/**
 * Sends a request to a program in a sandbox, and resolves with the head of its answer. The body goes on being sent meanwhile,
 * as fast as the program takes it.
 * @throws SandglassError `port_unreachable` when what comes is no answer; `invalid_request` when the request can't be sent.
 */
export function forwardRequest({ connection, incoming, path, headers, protocol }: ForwardOptions): Promise<AppAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<AppAnswer>();
  const method = incoming.method ?? 'GET';
  const request = http.request({ method, path, setHost: false, createConnection: () => connection, maxHeaderSize: MAX_HEAD_BYTES });
  for (const [name, value] of headers) request.appendHeader(name, value);
  if (protocol !== undefined) request.setHeader('Connection', 'Upgrade').setHeader('Upgrade', protocol);
  request.once('response', (response) => {
    if ((response.statusCode ?? 0) >= 200) resolve({ response });
    else request.destroy(new Error('its status is none'));
  });
  request.once('upgrade', (response, _socket, head) => {
    if (protocol !== undefined) resolve({ response, upgraded: { head } });
    else request.destroy(new Error('it changed to another protocol without being asked to'));
  });
  request.on('error', (cause) => reject(brokeOff(cause)));
  request.once('close', () => reject(brokeOff()));
  sendBody(incoming, request);
  return promise;
}

/** Its length is told as the client told it: whoever reads the request behind us sees the same body. */
function sendBody(incoming: IncomingMessage, request: ClientRequest): void {
  const { 'transfer-encoding': encoding, 'content-length': length } = incoming.headers;
  if (encoding !== undefined) request.setHeader('Transfer-Encoding', 'chunked');
  else if (length !== undefined) request.setHeader('Content-Length', length);
  else {
    request.end();
    return;
  }
  incoming.pipe(request, { end: false });
  incoming.once('end', () => {
    if (encoding !== undefined) request.addTrailers(pairs(incoming.rawTrailers));
    request.end();
  });
  incoming.once('close', () => {
    if (!incoming.readableEnded) request.destroy();
  });
  // A program can answer without reading to the end; the client must not wait for it then.
  request.once('close', () => {
    incoming.unpipe(request);
    incoming.resume();
  });
}

export function pairs(raw: readonly string[]): [string, string][] {
  return Array.from({ length: raw.length >> 1 }, (_, i) => [raw[2 * i] ?? '', raw[2 * i + 1] ?? '']);
}

function brokeOff(cause?: Error): SandglassError {
  const why = (cause as NodeJS.ErrnoException | undefined)?.code;
  const known = why === undefined ? undefined : CAUSES[why];
  return new SandglassError('port_unreachable', `the program in the sandbox ${known ?? 'broke off before it answered'}`, { cause });
}

const CAUSES: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: `answered with more than ${MAX_HEAD_BYTES} bytes of headers`,
};
