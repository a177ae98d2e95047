import { errorOfEvent } from './error-answer.ts';
import { SandglassError } from './errors.ts';
import { readEvents } from './event-stream.ts';
import type { SseEvent } from './sse-parser.ts';
import type { ExecEvent, ExecExit } from './types.ts';

/**
 * The events of a streamed command, its exit last. Leaving the loop early closes the connection, which kills the command.
 * @throws SandglassError what the server reports instead of an exit; `stream_ended` when the stream ends without either.
 */
export async function* readExecEvents(body: ReadableStream<Uint8Array>, signal: AbortSignal | undefined): AsyncGenerator<ExecEvent, void> {
  for await (const event of readEvents(body, signal)) {
    const output = parseExecEvent(event);
    if (output === undefined) continue;
    yield output;
    if ('exit' in output) return;
  }
  throw new SandglassError('unavailable', 'stream_ended', 'the connection ended before the command did; the command has been killed');
}

function parseExecEvent(event: SseEvent): ExecEvent | undefined {
  switch (event.type) {
    case 'stdout':
      return { stdout: (JSON.parse(event.data) as { data: string }).data };
    case 'stderr':
      return { stderr: (JSON.parse(event.data) as { data: string }).data };
    case 'exit':
      return { exit: JSON.parse(event.data) as ExecExit };
    case 'error':
      throw errorOfEvent(event.data);
    default:
      return undefined;
  }
}
