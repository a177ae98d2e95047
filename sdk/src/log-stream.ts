import { errorOfEvent } from './error-answer.ts';
import { SandglassError } from './errors.ts';
import { readEvents } from './event-stream.ts';
import type { LogLine } from './telemetry-types.ts';

/** The lines of a followed log, until the sandbox ends. @throws SandglassError what the server reports; `stream_ended`. */
export async function* readLogEvents(body: ReadableStream<Uint8Array>, signal: AbortSignal | undefined): AsyncGenerator<LogLine, void> {
  for await (const { type, data } of readEvents(body, signal)) {
    if (type === 'error') throw errorOfEvent(data);
    if (type === 'end') return;
    if (type === 'log') yield JSON.parse(data) as LogLine;
  }
  throw new SandglassError('unavailable', 'stream_ended', 'the connection ended before the log did');
}
