import type { Clock } from '../../../lib/clock.ts';
import type { CommandOutput } from '../../command-runner.ts';
import type { ServerEvent } from '../../events/event-stream.ts';
import { errorBody } from '../error-handler.ts';
import type { ExecBody } from '../schemas/exec.ts';
import { explainExecError } from './exec-call.ts';
import { textDecoder } from './text-decoder.ts';

/**
 * A command as events: `stdout` and `stderr` with `data`, then `exit` with `exit_code` and `duration_ms`; or `error`, at any
 * point, as the last one. Never throws. Texts are cut between characters, wherever the output was cut.
 */
export async function* execEvents(
  output: AsyncIterable<CommandOutput>,
  body: ExecBody,
  clock: Clock,
): AsyncGenerator<ServerEvent, void, undefined> {
  const startedAt = clock.now();
  const streams = { stdout: textDecoder(body.encoding), stderr: textDecoder(body.encoding) };
  const printed = function* (stream: 'stdout' | 'stderr', chunk?: Uint8Array): Generator<ServerEvent> {
    const data = streams[stream](chunk);
    if (data !== '') yield { event: stream, data: { data } };
  };
  try {
    for await (const part of output) {
      if ('stdout' in part) yield* printed('stdout', part.stdout);
      else if ('stderr' in part) yield* printed('stderr', part.stderr);
      else {
        yield* printed('stdout');
        yield* printed('stderr');
        yield { event: 'exit', data: { exit_code: part.exitCode, duration_ms: Math.max(0, clock.now() - startedAt) } };
        return;
      }
    }
  } catch (error) {
    yield { event: 'error', data: errorBody(explainExecError(error, body)) };
  }
}
