import { create } from '@bufbuild/protobuf';
import { type ProcessEvent, ProcessEventSchema } from '../../rpc/gen/process/process_pb.js';
import type { OutputChunk, OutputLog, OutputReader } from './output-log.ts';
import type { RunningProcess } from './running-process.ts';
import { describeStatus, type ExitStatus } from './signals.ts';

/**
 * What a client hears of a process: its pid, its output from where `reader` is, its end; and `keepalive` after each time of
 * silence. The reader is closed at the end. @throws the reason of `signal`
 */
export async function* processEvents(
  process: RunningProcess,
  reader: OutputReader,
  options: { readonly keepaliveMs: number; readonly signal: AbortSignal },
): AsyncGenerator<ProcessEvent> {
  // Nobody resumes this generator any more once its connection has gone, and the process must not wait for it.
  const close = () => reader.close();
  if (options.signal.aborted) close();
  options.signal.addEventListener('abort', close, { once: true });
  try {
    yield event({ case: 'start', value: { pid: process.pid } });
    for (;;) {
      options.signal.throwIfAborted();
      const chunk = reader.peek();
      if (chunk !== undefined) {
        yield outputEvent(chunk);
        reader.pass(chunk);
      } else if (process.end !== undefined) {
        return yield endEvent(process.end);
      } else if (!(await changesWithin(process.log, options))) {
        yield event({ case: 'keepalive', value: {} });
      }
    }
  } finally {
    options.signal.removeEventListener('abort', close);
    close();
  }
}

/** Waits until there is something new, or `signal` aborts. @returns false when there is nothing new for so long. */
async function changesWithin(log: OutputLog, options: { readonly keepaliveMs: number; readonly signal: AbortSignal }): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const done = () => resolve(true);
  const timer = setTimeout(() => resolve(false), options.keepaliveMs);
  options.signal.addEventListener('abort', done, { once: true });
  void log.nextChange.then(done);
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    options.signal.removeEventListener('abort', done);
  }
}

function outputEvent({ stream, bytes }: OutputChunk): ProcessEvent {
  return event({ case: 'data', value: { output: { case: stream, value: bytes } } });
}

/** `error` is there when envd has one: whenever the process was not successful. */
function endEvent(status: ExitStatus): ProcessEvent {
  const words = describeStatus(status);
  const exit = 'code' in status ? { exited: true, exitCode: status.code } : { exited: false, exitCode: -1 };
  return event({ case: 'end', value: { ...exit, status: words, ...(exit.exitCode === 0 ? {} : { error: words }) } });
}

type EventInit = NonNullable<Parameters<typeof create<typeof ProcessEventSchema>>[1]>['event'];

function event(init: EventInit): ProcessEvent {
  return create(ProcessEventSchema, { event: init } as Parameters<typeof create<typeof ProcessEventSchema>>[1]);
}
