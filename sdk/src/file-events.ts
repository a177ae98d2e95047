import { errorOfEvent } from './error-answer.ts';
import { SandglassError } from './errors.ts';
import { readEvents } from './event-stream.ts';
import type { FileEvent } from './file-types.ts';

const CHANGES: ReadonlySet<string> = new Set(['create', 'write', 'remove', 'rename', 'chmod']);

/** The events of a watched directory. @throws SandglassError what the server reports; `stream_ended`. */
export async function* readFileEvents(body: ReadableStream<Uint8Array>, signal: AbortSignal | undefined): AsyncGenerator<FileEvent, void> {
  for await (const { type, data } of readEvents(body, signal)) {
    if (type === 'error') throw errorOfEvent(data);
    if (type === 'start') yield { type };
    else if (CHANGES.has(type)) yield { type, path: (JSON.parse(data) as { path: string }).path } as FileEvent;
  }
  throw new SandglassError('unavailable', 'stream_ended', 'the connection ended; what changes from now on is not seen');
}
