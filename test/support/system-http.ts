import { type OutgoingHttpHeaders, request } from 'node:http';
import { text } from 'node:stream/consumers';

export interface RawCall {
  readonly method: string;
  /** Sent as it is: `fetch` would resolve `..` and encode what is not allowed. */
  readonly path: string;
  readonly headers?: OutgoingHttpHeaders;
  readonly body?: string | Uint8Array;
}

export interface RawAnswer {
  readonly status: number;
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly body: string;
}

/** Sends an HTTP request as it is given. A server that answers before it has read the body is heard nevertheless. */
export async function sendRaw(url: string, { method, path, headers = {}, body = '' }: RawCall): Promise<RawAnswer> {
  const { hostname, port } = new URL(url);
  const sent = request({ hostname, port, method, path, headers: { 'content-length': Buffer.byteLength(body), ...headers } });
  return await new Promise((resolve, reject) => {
    sent.once('response', (response) => {
      sent.on('error', () => {}); // of the rest of the body
      const { statusCode = 0, headers: answered } = response;
      text(response).then((content) => resolve({ status: statusCode, headers: answered, body: content }), reject);
    });
    sent.once('error', reject);
    sent.end(body);
  });
}
