import { Readable } from 'node:stream';
import type { FastifyReply } from 'fastify';
import { compact } from '../../lib/compact.ts';
import { SandglassError } from '../../model/errors.ts';
import { parseNamespace } from '../../model/ids.ts';
import { EVENT_STREAM_HEADERS, encodeEvents } from '../events/event-stream.ts';
import * as processes from '../guests/processes.ts';
import { responses, streamResponses } from './answers.ts';
import { explainExecError, parseCommand } from './exec/exec-call.ts';
import { processEvents } from './exec/process-events.ts';
import { guestOf } from './guest-of.ts';
import { invalidField } from './invalid-request.ts';
import { acceptAnyBody, bytesBody, streamsBody } from './raw-body.ts';
import { type App, answerSignal, type RestContext } from './rest-context.ts';
import { runCommand } from './run-command.ts';
import { IdempotencyHeaders, NoContent, NoQuery, SandboxParams } from './schemas/common.ts';
import type { Encoding } from './schemas/exec.ts';
import { ref } from './schemas/named.ts';
import * as wire from './schemas/process.ts';
import { wantsEvents } from './wants-events.ts';

const tags = ['processes'];
type SandboxPath = { readonly namespace: string; readonly sandbox_id: string };

const base = '/sandboxes/:sandbox_id/processes';

/** Processes that run on whoever is connected: start, list, attach, write to, signal. */
export function processRoutes(app: App, rest: RestContext): void {
  app.get(
    base,
    {
      schema: {
        tags,
        operationId: 'listProcesses',
        summary: 'List the processes that were started in a sandbox and run',
        params: SandboxParams,
        querystring: NoQuery,
        response: responses({ 200: ref(wire.ProcessList) }),
      },
    },
    async (request, reply) => {
      const guest = await guestOf(rest, request.params);
      return { processes: (await processes.listProcesses(guest, answerSignal(reply, rest))).map(presentProcess) };
    },
  );

  app.post(
    base,
    {
      schema: {
        tags,
        operationId: 'startProcess',
        summary: 'Start a process in a sandbox',
        description:
          'It runs on until it ends, its time is up, or a signal ends it. Its latest output is kept for whoever attaches to it. With ' +
          '`Accept: text/event-stream` the answer is what an attachment is answered with, from the first byte on.',
        params: SandboxParams,
        querystring: wire.StartQuery,
        headers: IdempotencyHeaders,
        body: ref(wire.StartProcessBody),
        response: { ...streamResponses(), ...responses({ 201: ref(wire.Process) }) },
      },
    },
    async (request, reply) => {
      const { params, query, body } = request;
      const signal = answerSignal(reply, rest);
      if (wantsEvents(request)) return sendEvents(rest, reply, await start(rest, params, body, signal), query.encoding);
      return runCommand({
        rest,
        request,
        reply,
        ns: parseNamespace(params.namespace),
        command: async () => {
          const process = await start(rest, params, body, signal);
          process.close();
          const [cmd = '', ...args] = parseCommand(body);
          return { status: 201, body: compact({ pid: process.pid, cmd, args, cwd: body.cwd, tag: body.tag }) };
        },
      });
    },
  );

  app.get(
    `${base}/:pid/output`,
    {
      exposeHeadRoute: false,
      schema: {
        tags,
        operationId: 'attachProcess',
        summary: 'Attach to a process: what it prints, and how it ends',
        description:
          'Events `start` ({pid}), then `stdout`, `stderr` and `pty` ({data, offset}) as it prints, and `exit` ({exit_code}) or `error`. A process ' +
          'that nobody was attached to is kept for an hour after its end.',
        params: wire.ProcessParams,
        querystring: wire.OutputQuery,
        response: streamResponses(),
      },
    },
    async ({ params, query }, reply) => {
      const pid = parsePid(params.pid);
      const guest = await guestOf(rest, params);
      const process = await processes.attachProcess(guest, pid, query.from, answerSignal(reply, rest));
      return sendEvents(rest, reply, process, query.encoding);
    },
  );

  app.post(
    `${base}/:pid/signal`,
    {
      schema: {
        tags,
        operationId: 'signalProcess',
        summary: 'Send a signal to a process and all that it started',
        params: wire.ProcessParams,
        querystring: NoQuery,
        body: ref(wire.SignalBody),
        response: responses({ 204: NoContent }),
      },
    },
    async (request, reply) => {
      const pid = parsePid(request.params.pid);
      const guest = await guestOf(rest, request.params);
      await processes.signalProcess(guest, pid, wire.SIGNALS[request.body.signal], answerSignal(reply, rest));
      return reply.status(204).send(null);
    },
  );

  app.post(
    `${base}/:pid/resize`,
    {
      schema: {
        tags,
        operationId: 'resizeProcess',
        summary: 'Resize the terminal of a process',
        params: wire.ProcessParams,
        querystring: NoQuery,
        body: ref(wire.ResizeBody),
        response: responses({ 204: NoContent }),
      },
    },
    async (request, reply) => {
      const pid = parsePid(request.params.pid);
      const guest = await guestOf(rest, request.params);
      await processes.resizeTerminal(guest, pid, request.body, answerSignal(reply, rest));
      return reply.status(204).send(null);
    },
  );

  app.register((streaming: App, _options, done) => {
    acceptAnyBody(streaming);
    stdinRoute(streaming, rest);
    done();
  });
}

function stdinRoute(app: App, rest: RestContext): void {
  app.post(
    `${base}/:pid/stdin`,
    {
      config: streamsBody,
      schema: {
        tags,
        operationId: 'writeStdin',
        summary: 'Write to the standard input of a process',
        description: 'The body, of any type and size, as fast as the process reads it. The process must have been started with `stdin`.',
        params: wire.ProcessParams,
        querystring: wire.StdinQuery,
        body: bytesBody('application/octet-stream', 'What the process reads.'),
        response: responses({ 204: NoContent }),
      },
    },
    async ({ params, query, raw }, reply) => {
      const pid = parsePid(params.pid);
      const guest = await guestOf(rest, params);
      const signal = answerSignal(reply, rest);
      await processes.streamInput(guest, pid, raw, signal);
      // Having read what it was sent, it may have ended, and its input with it.
      if (query.close === true) await processes.closeStdin(guest, pid, signal).catch(unlessEnded);
      return reply.status(204).send(null);
    },
  );
}

async function start(
  rest: RestContext,
  params: SandboxPath,
  body: wire.StartProcessBody,
  signal: AbortSignal,
): Promise<processes.AttachedProcess> {
  const [cmd = '', ...args] = parseCommand(body);
  const guest = await guestOf(rest, params);
  const { env, cwd, user, tag, stdin = false, pty, timeout_secs } = body;
  const timeoutMs = timeout_secs === undefined ? undefined : timeout_secs * 1000;
  try {
    return await processes.startProcess(guest, { cmd, args, env, cwd, user, tag, stdin, pty, timeoutMs }, signal);
  } catch (error) {
    throw explainExecError(error, body);
  }
}

function sendEvents({ clock }: RestContext, reply: FastifyReply, process: processes.AttachedProcess, encoding?: Encoding): FastifyReply {
  const events = encodeEvents(processEvents(process, encoding), clock);
  return reply.headers(EVENT_STREAM_HEADERS).send(Readable.from(events, { objectMode: false }));
}

function unlessEnded(error: unknown): void {
  if (SandglassError.from(error).reason !== 'process_not_found') throw error;
}

function presentProcess({ pid, cmd, args, cwd, tag }: processes.SandboxProcess): wire.Process {
  return compact({ pid, cmd, args: [...args], cwd, tag });
}

function parsePid(text: string): number {
  const pid = /^\d{1,7}$/.test(text) ? Number(text) : 0;
  if (pid >= 1 && pid <= processes.MAX_PID) return pid;
  throw invalidField('pid', `pid must be a whole number from 1 to ${processes.MAX_PID} (got ${JSON.stringify(text.slice(0, 60))})`);
}
