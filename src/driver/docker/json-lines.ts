import type { Readable } from 'node:stream';
import { SandglassError } from '../../model/errors.ts';

/** Longest line that is kept: the engine's are a few hundred bytes. */
const MAX_LINE_LENGTH = 1024 * 1024;

/**
 * The objects of a stream of JSON lines, as the Engine API sends progress and events. Lines that are no objects are skipped.
 * The stream is closed at the end, also when the caller stops early.
 * @throws SandglassError `engine_error` when a line has no end; `engine_unavailable` when the connection breaks; the signal's reason.
 */
export async function* readJsonLines(stream: NodeJS.ReadableStream, signal: AbortSignal): AsyncGenerator<Record<string, unknown>> {
  const readable = stream as Readable;
  const onAbort = () => readable.destroy();
  signal.addEventListener('abort', onAbort, { once: true });
  let rest = '';
  try {
    signal.throwIfAborted();
    readable.setEncoding('utf8');
    for await (const text of readable as AsyncIterable<string>) {
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      if (rest.length > MAX_LINE_LENGTH) throw new SandglassError('engine_error', 'the container engine sent a line without end');
      for (const line of lines) yield* parse(line);
    }
    yield* parse(rest);
    signal.throwIfAborted();
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof SandglassError) throw error;
    throw new SandglassError('engine_unavailable', `the connection to the container engine broke: ${String(error)}`, { cause: error });
  } finally {
    signal.removeEventListener('abort', onAbort);
    readable.destroy();
  }
}

function* parse(line: string): Generator<Record<string, unknown>> {
  if (line.trim() === '') return;
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return;
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) yield value as Record<string, unknown>;
}
