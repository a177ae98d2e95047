import type { Readable } from 'node:stream';
import { SandglassError } from '../../model/errors.ts';

const HEADER_LENGTH = 8;
/** The engine keeps at most 16 KiB in one entry of a log; a frame is one entry. */
const MAX_FRAME_LENGTH = 1024 * 1024;

/** What a process wrote in one piece, as the engine noted it down. */
export interface LogFrame {
  readonly stream: 'stdout' | 'stderr';
  readonly bytes: Buffer;
}

/**
 * The frames of a container's log, in order. A frame is a byte that names the stream, three zeros, its length as 32 bits
 * big-endian, and that many bytes (Engine API, "Stream format"). No more is read than is asked for.
 * @throws SandglassError `engine_error` for what is no frame; `engine_unavailable` when the source ends inside one.
 */
export async function* readLogFrames(source: Readable): AsyncGenerator<LogFrame, void, undefined> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of source as AsyncIterable<Buffer>) {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    for (;;) {
      if (rest.length < HEADER_LENGTH) break;
      const length = rest.readUInt32BE(4);
      if (length > MAX_FRAME_LENGTH) throw new SandglassError('engine_error', `the container engine sent a frame of ${length} bytes`);
      const end = HEADER_LENGTH + length;
      if (rest.length < end) break;
      yield { stream: streamOf(rest[0]), bytes: rest.subarray(HEADER_LENGTH, end) };
      rest = rest.subarray(end);
    }
  }
  if (rest.length > 0) throw new SandglassError('engine_unavailable', 'the log that the container engine sends ended too early');
}

function streamOf(type: number | undefined): LogFrame['stream'] {
  if (type === 1) return 'stdout';
  if (type === 2) return 'stderr';
  throw new SandglassError('engine_error', `the container engine sent a frame of the unknown type ${type}`);
}
