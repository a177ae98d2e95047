import type { IncomingMessage } from 'node:http';
import { pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { GuestError } from '../guest-error.ts';

const BLOCK_BYTES = 256 * 1024;

/**
 * The body of a request as it was before it was compressed. When it is not read to its end, the rest is passed over, and the connection
 * stays: an error is still to be answered on it, and the next request is to come.
 * @throws GuestError invalid_request for an encoding other than gzip, and while it is read, for what is no gzip.
 */
export function requestBody(request: IncomingMessage): AsyncIterable<Buffer> {
  const body = plainBody(request);
  const encoding = (request.headers['content-encoding'] ?? 'identity').trim().toLowerCase();
  if (encoding === 'identity' || encoding === '') return body;
  if (encoding === 'gzip' || encoding === 'x-gzip') return gunzip(body);
  throw new GuestError('invalid_request', `the encoding ${encoding} of the body is not known; send it as it is, or with gzip`);
}

async function* plainBody(request: IncomingMessage): AsyncGenerator<Buffer, void, undefined> {
  try {
    yield* request.iterator({ destroyOnReturn: false });
  } finally {
    request.resume();
  }
}

async function* gunzip(body: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, undefined> {
  const decoder = createGunzip({ chunkSize: BLOCK_BYTES });
  pipeline(body, decoder, () => {}); // what fails here fails below, where the decoder is read
  try {
    yield* decoder as AsyncIterable<Buffer>;
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    if (code.startsWith('Z_'))
      throw new GuestError('invalid_request', 'the body is not what gzip makes, or it is cut off', { cause: error });
    throw error;
  }
}
