import type { Readable } from 'node:stream';
import { ByteQueue } from './byte-queue.ts';
import { malformedAnswer } from './guest-errors.ts';

/*
 * Streams of the Connect protocol: each message has a flag byte and its length in four, big-endian, before it.
 * https://connectrpc.com/docs/protocol#streaming-rpcs
 */

const HEADER_BYTES = 5;
const COMPRESSED = 1;
const END = 2;

/** A message of a stream, or its end with what it says, JSON. */
export interface Envelope {
  readonly isEnd: boolean;
  readonly bytes: Uint8Array;
}

export function encodeEnvelope(message: Uint8Array): Uint8Array {
  const bytes = Buffer.allocUnsafe(HEADER_BYTES + message.length);
  bytes[0] = 0;
  bytes.writeUInt32BE(message.length, 1);
  bytes.set(message, HEADER_BYTES);
  return bytes;
}

/**
 * The messages of a stream, each at most `maxBytes` long; the one that ends it is the last, and after it the end of `source` is
 * waited for. Reads on when asked for more, so that a slow reader slows the sender down. Leaves `source` open.
 * @throws SandglassError `guest_unavailable` when it is malformed, or ends early; what `source` throws.
 */
export async function* readEnvelopes(source: Readable, maxBytes: number): AsyncGenerator<Envelope, void, undefined> {
  const queue = new ByteQueue();
  let header: { readonly flags: number; readonly length: number } | undefined;
  let ended = false;
  for await (const chunk of source.iterator({ destroyOnReturn: false }) as AsyncIterable<Uint8Array>) {
    if (ended) throw malformedAnswer('its stream goes on after its end');
    queue.push(chunk);
    while (!ended) {
      if (header === undefined) {
        if (queue.length < HEADER_BYTES) break;
        header = parseHeader(queue.take(HEADER_BYTES), maxBytes);
      }
      if (queue.length < header.length) break;
      ended = (header.flags & END) !== 0;
      const bytes = queue.take(header.length);
      header = undefined;
      yield { isEnd: ended, bytes };
    }
    if (ended && queue.length > 0) throw malformedAnswer('its stream goes on after its end');
  }
  if (!ended) throw malformedAnswer('its stream has no end');
}

function parseHeader(bytes: Uint8Array, maxBytes: number): { flags: number; length: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, HEADER_BYTES);
  const flags = view.getUint8(0);
  const length = view.getUint32(1);
  if ((flags & COMPRESSED) !== 0) throw malformedAnswer('it is compressed, unasked');
  if ((flags & ~END) !== 0) throw malformedAnswer(`it has the flags ${flags}`);
  if (length > maxBytes) throw malformedAnswer(`a message is larger than ${maxBytes} bytes`);
  return { flags, length };
}

/** Everything of `source`. @throws SandglassError `guest_unavailable` when it is longer than `maxBytes`; what `source` throws. */
export async function readBounded(source: Readable, maxBytes: number): Promise<Uint8Array> {
  const queue = new ByteQueue();
  for await (const chunk of source.iterator({ destroyOnReturn: false }) as AsyncIterable<Uint8Array>) {
    if (queue.length + chunk.length > maxBytes) throw malformedAnswer(`it is larger than ${maxBytes} bytes`);
    queue.push(chunk);
  }
  return queue.take(queue.length);
}
