import { Readable } from 'node:stream';
import { untilAborted } from '../../lib/abortable.ts';
import { compact } from '../../lib/compact.ts';
import { SandglassError } from '../../model/errors.ts';
import { parseId, parseNamespace } from '../../model/ids.ts';
import type { LogLine, LogsRequest } from '../../model/telemetry.ts';
import { EVENT_STREAM_HEADERS, encodeEvents, type ServerEvent } from '../events/event-stream.ts';
import { responses, streamResponses } from './answers.ts';
import { errorBody } from './error-handler.ts';
import { presentLogLine, presentMetrics } from './present-telemetry.ts';
import { type App, answerSignal, type RestContext } from './rest-context.ts';
import { sandboxContainer } from './running-sandbox.ts';
import { NoQuery, SandboxParams } from './schemas/common.ts';
import { ref } from './schemas/named.ts';
import { DEFAULT_LOG_TAIL, Logs, LogsQuery, SandboxMetrics } from './schemas/telemetry.ts';

const tags = ['sandboxes'];

/** What the main process of a sandbox has printed, and what the sandbox uses. */
export function logRoutes(app: App, rest: RestContext): void {
  const { control, links, clock } = rest;

  app.get(
    '/sandboxes/:sandbox_id/logs',
    {
      exposeHeadRoute: false,
      schema: {
        tags,
        operationId: 'getLogs',
        summary: 'What the entrypoint of a sandbox has printed',
        description:
          'The last lines of it. With `follow=true` as events `log`, and then those that it prints from then on; `end` once the sandbox ' +
          'has ended, or `error`. A sandbox without an entrypoint prints nothing.',
        params: SandboxParams,
        querystring: LogsQuery,
        response: streamResponses(ref(Logs)),
      },
    },
    async ({ params, query }, reply) => {
      const place = await sandboxContainer(control, parseNamespace(params.namespace), parseId('sandbox', params.sandbox_id));
      const signal = answerSignal(reply, rest);
      const request: LogsRequest = compact({
        sandboxId: place.sandboxId,
        follow: query.follow ?? false,
        tail: query.tail ?? DEFAULT_LOG_TAIL,
        since: query.since,
      });
      const lines = untilAborted(links.logs(place.executorId, request, signal), signal);
      if (!request.follow) return reply.send(await collectLogs(lines, query));
      const events = logEvents(lines, query);
      return reply.headers(EVENT_STREAM_HEADERS).send(Readable.from(encodeEvents(events, clock), { objectMode: false }));
    },
  );

  app.get(
    '/sandboxes/:sandbox_id/metrics',
    {
      schema: {
        tags,
        operationId: 'getSandboxMetrics',
        summary: 'What a sandbox uses: CPU, memory, disk, network',
        description: 'Measured by the engine; the sandbox itself is not asked.',
        params: SandboxParams,
        querystring: NoQuery,
        response: responses({ 200: ref(SandboxMetrics) }),
      },
    },
    async ({ params }, reply) => {
      const place = await sandboxContainer(control, parseNamespace(params.namespace), parseId('sandbox', params.sandbox_id));
      return presentMetrics(await links.metrics(place.executorId, place.sandboxId, answerSignal(reply, rest)));
    },
  );
}

/** Most bytes of messages in one JSON answer. */
const MAX_LOG_BYTES = 8 * 1024 * 1024;

/** The newest lines that fit in one answer. */
async function collectLogs(lines: AsyncIterable<LogLine>, { tail = DEFAULT_LOG_TAIL, encoding }: LogsQuery) {
  const kept: LogLine[] = [];
  let bytes = 0;
  let truncated = false;
  for await (const line of lines) {
    kept.push(line);
    bytes += line.bytes.length;
    // More than was asked for never comes from an executor that keeps to its part.
    while (bytes > MAX_LOG_BYTES || kept.length > tail) {
      bytes -= kept.shift()?.bytes.length ?? 0;
      truncated = true;
    }
  }
  return { logs: kept.map((line) => presentLogLine(line, encoding)), truncated };
}

/** Never throws. */
async function* logEvents(lines: AsyncIterable<LogLine>, { encoding }: LogsQuery): AsyncGenerator<ServerEvent, void, undefined> {
  try {
    for await (const line of lines) yield { event: 'log', data: presentLogLine(line, encoding) };
    yield { event: 'end', data: {} };
  } catch (error) {
    yield { event: 'error', data: errorBody(SandglassError.from(error)) };
  }
}
