import { SandglassError } from './errors.ts';
import { type SseEvent, SseParser } from './sse-parser.ts';

/** A stream without a byte for this long is dead: the server sends a comment every 15 seconds. */
const IDLE_TIMEOUT_MS = 45_000;

/**
 * The events of a `text/event-stream`, until it ends or has been silent for `idleTimeoutMs`. Leaving the loop early closes
 * the connection.
 * @throws the signal's reason when the call was aborted; SandglassError `stream_ended` when the connection broke,
 * `stream_unavailable` when it never brought a byte.
 */
export async function* readEvents(
  body: ReadableStream<Uint8Array>,
  signal: AbortSignal | undefined,
  idleTimeoutMs = IDLE_TIMEOUT_MS,
): AsyncGenerator<SseEvent, void> {
  const reader = body.getReader();
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true }); // the parser drops the mark
  const parser = new SseParser();
  let silent = true;
  let idle = false;
  const stopIdle = () => {
    idle = true;
    void reader.cancel().catch(() => {}); // ends the pending read as if the stream had ended
  };
  try {
    for (;;) {
      const timer = setTimeout(stopIdle, idleTimeoutMs);
      const { done, value } = await read(reader, signal).finally(() => clearTimeout(timer));
      if (done && idle && silent) throw heldBack(idleTimeoutMs);
      if (done) return;
      silent = false;
      yield* parser.push(decoder.decode(value, { stream: true }));
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}

async function read(reader: ReadableStreamDefaultReader<Uint8Array>, signal: AbortSignal | undefined) {
  try {
    return await reader.read();
  } catch (cause) {
    if (signal?.aborted) throw signal.reason;
    throw new SandglassError('unavailable', 'stream_ended', 'the connection broke before the stream of events was complete', { cause });
  }
}

function heldBack(idleTimeoutMs: number): SandglassError {
  const message = `no event for ${idleTimeoutMs / 1000} s: a proxy on the way may hold them back`;
  return new SandglassError('unavailable', 'stream_unavailable', message);
}
