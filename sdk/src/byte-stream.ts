import { SandglassError } from './errors.ts';

/**
 * The body of an answer, with nothing held back or read ahead. It fails with the signal's reason when the call was aborted, with SandglassError
 * `stream_ended` when the connection broke; the platforms' own errors do not tell the two apart.
 */
export function byteStream({ body }: Response, signal: AbortSignal | undefined): ReadableStream<Uint8Array> {
  const reader = (body ?? new Blob([]).stream()).getReader(); // an empty file comes without a body
  const source = {
    async pull(controller: ReadableStreamDefaultController<Uint8Array>) {
      const { done, value } = await reader.read().catch((cause: unknown) => {
        if (signal?.aborted) throw signal.reason;
        throw new SandglassError('unavailable', 'stream_ended', 'the connection broke before all bytes had come', { cause });
      });
      if (done) controller.close();
      else controller.enqueue(value);
    },
    cancel: (reason: unknown) => reader.cancel(reason),
  };
  return new ReadableStream<Uint8Array>(source, { highWaterMark: 0 });
}
