import { compact } from '../../../lib/compact.ts';
import { SandglassError } from '../../../model/errors.ts';
import type { ServerEvent } from '../../events/event-stream.ts';
import type { AttachedProcess } from '../../guests/processes.ts';
import { errorBody } from '../error-handler.ts';
import type { Encoding } from '../schemas/exec.ts';
import { textDecoder } from './text-decoder.ts';

/**
 * A process as events: `start` with its pid, `stdout`, `stderr` and `pty` with `data`, then `exit` with `exit_code`; or `error`, as
 * the last one. In base64 each piece of output has its `offset`: where in all that the process printed it begins. Never throws. The
 * process is detached from when nobody reads on.
 */
export async function* processEvents(
  process: AttachedProcess,
  encoding: Encoding | undefined,
): AsyncGenerator<ServerEvent, void, undefined> {
  const streams = { stdout: textDecoder(encoding), stderr: textDecoder(encoding), pty: textDecoder(encoding) };
  let { from } = process;
  const printed = function* (stream: keyof typeof streams, chunk?: Uint8Array): Generator<ServerEvent> {
    const data = streams[stream](chunk);
    // As text, a character may be kept back, and belong to two pieces.
    const offset = encoding === 'base64' ? from : undefined;
    if (data !== '') yield { event: stream, data: compact({ data, offset }) };
    if (from !== undefined) from += chunk?.length ?? 0;
  };
  try {
    yield { event: 'start', data: { pid: process.pid } };
    for await (const part of process.output()) {
      if ('stdout' in part) yield* printed('stdout', part.stdout);
      else if ('stderr' in part) yield* printed('stderr', part.stderr);
      else if ('pty' in part) yield* printed('pty', part.pty);
      else {
        for (const stream of ['stdout', 'stderr', 'pty'] as const) yield* printed(stream);
        yield { event: 'exit', data: { exit_code: part.exitCode } };
        return;
      }
    }
  } catch (error) {
    yield { event: 'error', data: errorBody(SandglassError.from(error)) };
  } finally {
    process.close();
  }
}
