import type { LogLine } from '../../model/telemetry.ts';
import type { LogFrame } from './log-frames.ts';

/** Longest line in one piece. */
const MAX_LINE_BYTES = 64 * 1024;
const LINE_FEED = 10;
const SPACE = 32;

/** A line of which not all has come. */
interface Part {
  readonly at: number;
  readonly pieces: Buffer[];
  length: number;
}

/**
 * The lines of a log that was asked for with timestamps. The engine notes a long line down in several frames, each with a time of
 * its own; they are put together again, up to 64 KiB. What has no line feed at the end of the log is a line too.
 */
export async function* readLogLines(frames: AsyncIterable<LogFrame>): AsyncGenerator<LogLine, void, undefined> {
  const parts = new Map<LogFrame['stream'], Part>();
  for await (const { stream, bytes } of frames) {
    const space = bytes.indexOf(SPACE);
    const text = bytes.subarray(space + 1);
    const ends = text.at(-1) === LINE_FEED;
    const piece = ends ? text.subarray(0, -1) : text;
    const part = parts.get(stream) ?? { at: timeOf(bytes.subarray(0, Math.max(space, 0))), pieces: [], length: 0 };
    part.pieces.push(piece);
    part.length += piece.length;
    if (!ends && part.length < MAX_LINE_BYTES) {
      parts.set(stream, part);
      continue;
    }
    parts.delete(stream);
    yield* lines(stream, part);
  }
  for (const [stream, part] of parts) yield* lines(stream, part);
}

function* lines(stream: LogFrame['stream'], { at, pieces }: Part): Generator<LogLine> {
  const bytes = Buffer.concat(pieces);
  for (let start = 0; start === 0 || start < bytes.length; start += MAX_LINE_BYTES) {
    yield { at, stream, bytes: bytes.subarray(start, start + MAX_LINE_BYTES) };
  }
}

/** Source: RFC 3339 with nanoseconds, as the engine writes it. */
function timeOf(text: Buffer): number {
  const time = Date.parse(text.toString('latin1'));
  return Number.isNaN(time) ? 0 : time;
}
