import { Readable } from 'node:stream';
import { parseId, parseNamespace } from '../../model/ids.ts';
import { EVENT_STREAM_HEADERS, encodeEvents } from '../events/event-stream.ts';
import { streamResponses } from './answers.ts';
import { commandOutput } from './exec/command-output.ts';
import { explainExecError, parseExec } from './exec/exec-call.ts';
import { execEvents } from './exec/exec-events.ts';
import { collectExec } from './exec/exec-result.ts';
import { type App, answerSignal, type RestContext } from './rest-context.ts';
import { runCommand } from './run-command.ts';
import { IdempotencyHeaders, NoQuery, SandboxParams } from './schemas/common.ts';
import { ExecBody, ExecResult } from './schemas/exec.ts';
import { ref } from './schemas/named.ts';
import { wantsEvents } from './wants-events.ts';

/** Commands in a sandbox. A client that goes away has its command killed. */
export function execRoute(app: App, rest: RestContext): void {
  const { control, commands, clock } = rest;

  app.post(
    '/sandboxes/:sandbox_id/exec',
    {
      schema: {
        tags: ['sandboxes'],
        operationId: 'exec',
        summary: 'Run a command in a sandbox',
        description:
          'Answers with its output once it has ended; or, with `Accept: text/event-stream`, with events `stdout` and `stderr` ' +
          '({data}) while it runs, then `exit` ({exit_code, duration_ms}) or `error`.',
        params: SandboxParams,
        querystring: NoQuery,
        headers: IdempotencyHeaders,
        body: ref(ExecBody),
        response: streamResponses(ref(ExecResult)),
      },
    },
    async (request, reply) => {
      const ns = parseNamespace(request.params.namespace);
      const id = parseId('sandbox', request.params.sandbox_id);
      const { body } = request;
      const signal = answerSignal(reply, rest);
      if (wantsEvents(request)) {
        const call = await parseExec(control, ns, id, body);
        const events = execEvents(commandOutput(commands, call, clock, signal), body, clock);
        return reply.headers(EVENT_STREAM_HEADERS).send(Readable.from(encodeEvents(events, clock), { objectMode: false }));
      }
      return runCommand({
        rest,
        request,
        reply,
        ns,
        command: async () => {
          const call = await parseExec(control, ns, id, body);
          try {
            return { status: 200, body: await collectExec(commandOutput(commands, call, clock, signal), body, clock) };
          } catch (error) {
            throw explainExecError(error, body);
          }
        },
      });
    },
  );
}
