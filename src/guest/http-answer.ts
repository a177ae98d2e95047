import type { IncomingMessage, ServerResponse } from 'node:http';
import { GuestError, REASON_HEADER } from './guest-error.ts';
import { STATUS_CODES } from './http.ts';

export function answerJson(response: ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
}

export function answerEmpty(response: ServerResponse): void {
  response.writeHead(204).end();
}

/** Answers with an error; when the answer has begun already, all that can be done is to break it off. */
export function answerError(response: ServerResponse, thrown: unknown): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const error = GuestError.from(thrown);
  const text = bodyOf(error);
  response.writeHead(error.status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
    [REASON_HEADER]: error.reason,
  });
  response.end(text);
}

/** A whole answer as it goes over the wire, for a connection that Node no longer speaks HTTP on. */
export function errorText(error: GuestError): string {
  const text = bodyOf(error);
  return [
    `HTTP/1.1 ${error.status} ${STATUS_CODES[error.status]}`,
    `${REASON_HEADER}: ${error.reason}`,
    'content-type: application/json',
    `content-length: ${Buffer.byteLength(text)}`,
    'connection: close',
    '',
    text,
  ].join('\r\n');
}

/** The JSON of a request. @throws GuestError `invalid_request`, `request_too_large` */
export async function readJson(request: IncomingMessage, maxBytes: number): Promise<unknown> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > maxBytes) throw new GuestError('request_too_large', `the request is longer than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'));
  } catch (error) {
    throw new GuestError('invalid_request', 'the request is not JSON', { cause: error });
  }
}

function bodyOf({ status, message, reason }: GuestError): string {
  return JSON.stringify({ code: status, message, reason });
}
