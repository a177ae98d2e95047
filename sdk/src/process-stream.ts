import { decodeBase64 } from './base64.ts';
import { errorOfEvent } from './error-answer.ts';
import { SandglassError } from './errors.ts';
import { readEvents } from './event-stream.ts';
import type { ProcessEvent, ProcessExit } from './process-types.ts';
import { sleep } from './retry.ts';
import type { SseEvent } from './sse-parser.ts';

/** Connections in a row that bring nothing, before it is given up: half a minute, in which a server restarts. */
const MAX_FAILURES = 10;
const MAX_DELAY_MS = 5_000;

/** How to get at the output of a process. */
export interface ProcessSource {
  /** The stream to begin with. */
  first(): Promise<ReadableStream<Uint8Array>>;
  /** The stream from byte `from` of the output on, counted over stdout and stderr together. */
  again(pid: number, from: number): Promise<ReadableStream<Uint8Array>>;
  /** Where the first stream must begin. Without it, it begins where the server says; and is not gone on with before it has said so. */
  readonly from: number | undefined;
}

/**
 * The events of one process, its exit last. Where the connection breaks off, it goes on with another one, at the byte that it had
 * come to: processes outlive connections.
 * @throws SandglassError what the server reports instead of an exit; `output_lost`; `stream_ended`.
 */
export async function* followProcess(source: ProcessSource, signal: AbortSignal | undefined): AsyncGenerator<ProcessEvent, void> {
  let { from } = source;
  let pid: number | undefined;
  for (let failures = 0; ; failures++) {
    try {
      const body = await (pid === undefined || from === undefined ? source.first() : source.again(pid, from));
      for await (const sse of readEvents(body, signal)) {
        const told = parseProcessEvent(sse);
        if (told === undefined) continue;
        if (from !== undefined && told.offset !== undefined && told.offset > from) throw outputLost(told.offset - from);
        failures = 0;
        from = told.offset ?? from;
        if (from !== undefined) from += told.length;
        if ('start' in told.event) {
          const isRepeated = pid !== undefined;
          pid = told.event.start.pid;
          if (isRepeated) continue;
        }
        yield told.event;
        if ('exit' in told.event) return;
      }
    } catch (thrown) {
      if (pid === undefined || from === undefined || !isBroken(thrown)) throw thrown;
    }
    if (pid === undefined || from === undefined || failures >= MAX_FAILURES) throw ended();
    await sleep(Math.min(MAX_DELAY_MS, 50 * 2 ** failures), signal);
  }
}

interface Told {
  readonly event: ProcessEvent;
  /** Bytes of output in it. */
  readonly length: number;
  /** Where in the output it begins, if the server says so. */
  readonly offset?: number | undefined;
}

/** Events of kinds that this client does not know are skipped. @throws SandglassError what an `error` event carries. */
function parseProcessEvent({ type, data }: SseEvent): Told | undefined {
  switch (type) {
    case 'start':
      return { event: { start: { pid: (JSON.parse(data) as { pid: number }).pid } }, length: 0 };
    case 'stdout':
    case 'stderr':
    case 'pty': {
      const output = JSON.parse(data) as { data: string; offset?: number };
      const bytes = decodeBase64(output.data);
      return { event: { [type]: bytes } as ProcessEvent, length: bytes.length, offset: output.offset };
    }
    case 'exit':
      return { event: { exit: JSON.parse(data) as ProcessExit }, length: 0 };
    case 'error':
      throw errorOfEvent(data);
    default:
      return undefined;
  }
}

/** Whether connecting again may help. */
function isBroken(thrown: unknown): boolean {
  return thrown instanceof SandglassError && thrown.code === 'unavailable' && thrown.reason !== 'stream_unavailable';
}

function ended(): SandglassError {
  return new SandglassError('unavailable', 'stream_ended', 'the connection ended before the process did; the process may still run');
}

function outputLost(bytes: number): SandglassError {
  return new SandglassError('data_loss', 'output_lost', `${bytes} bytes of output were dropped while nobody was connected`);
}
