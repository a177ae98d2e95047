import { PassThrough, type Readable } from 'node:stream';
import { SandglassError } from '../../model/errors.ts';

const HEADER_LENGTH = 8;
const STDOUT = 1;
const STDERR = 2;

interface Demultiplexed {
  readonly stdout: Readable;
  readonly stderr: Readable;
  readonly firstOutput: Promise<void>;
  readonly done: Promise<void>;
}

/**
 * Splits an attached stream into what the process wrote to standard output and to standard error. A frame is a byte that names
 * the stream, three zeros, its length as 32 bits big-endian, and that many bytes (Engine API, "Stream format").
 *
 * Bytes are passed on as they come, whatever length a frame claims, and no faster than they are read. An output that has
 * been destroyed is skipped. `firstOutput` resolves at the first byte, or when the source ends without one; `done` resolves when
 * the source has ended and all is passed on, and rejects when it broke.
 */
export function demultiplex(source: Readable): Demultiplexed {
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  // An error is thrown to whoever reads; when nobody does, `done` still tells.
  stdout.on('error', () => {});
  stderr.on('error', () => {});
  const { promise: firstOutput, resolve: onOutput } = Promise.withResolvers<void>();
  const done = passOn(source, stdout, stderr, onOutput).then(
    () => {
      onOutput();
      stdout.end();
      stderr.end();
    },
    (error: Error) => {
      onOutput();
      stdout.destroy(error);
      stderr.destroy(error);
      throw error;
    },
  );
  done.catch(() => {}); // the caller may wait for it later
  return { stdout, stderr, firstOutput, done };
}

async function passOn(source: Readable, stdout: PassThrough, stderr: PassThrough, onOutput: () => void): Promise<void> {
  const header = Buffer.alloc(HEADER_LENGTH);
  let headerFilled = 0;
  let frameLeft = 0;
  let target = stdout;
  for await (const chunk of source as AsyncIterable<Buffer>) {
    onOutput();
    let at = 0;
    while (at < chunk.length) {
      if (frameLeft === 0) {
        const copied = chunk.copy(header, headerFilled, at);
        headerFilled += copied;
        at += copied;
        if (headerFilled < HEADER_LENGTH) continue;
        headerFilled = 0;
        target = streamOf(header[0], stdout, stderr);
        frameLeft = header.readUInt32BE(4);
      } else {
        const piece = chunk.subarray(at, at + frameLeft);
        at += piece.length;
        frameLeft -= piece.length;
        await writeUnlessDestroyed(target, piece);
      }
    }
  }
  if (frameLeft > 0 || headerFilled > 0)
    throw new SandglassError('engine_unavailable', 'the output of the container engine ended too early');
}

function streamOf(type: number | undefined, stdout: PassThrough, stderr: PassThrough): PassThrough {
  if (type === STDOUT) return stdout;
  if (type === STDERR) return stderr;
  throw new SandglassError('engine_error', `the container engine sent a frame of the unknown type ${type}`);
}

function writeUnlessDestroyed(stream: PassThrough, piece: Buffer): Promise<void> | void {
  if (stream.destroyed || stream.write(piece)) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const settle = () => {
    stream.off('drain', settle).off('close', settle);
    resolve();
  };
  stream.on('drain', settle).on('close', settle);
  return promise;
}
