import { Readable } from 'node:stream';
import { SandglassError } from '../../model/errors.ts';
import { parseNamespace } from '../../model/ids.ts';
import { EVENT_STREAM_HEADERS, encodeEvents } from '../events/event-stream.ts';
import * as files from '../guests/files.ts';
import type { GuestClient } from '../guests/guest-client.ts';
import { responses, streamResponses } from './answers.ts';
import { fileEvents } from './file-events.ts';
import { checkPath } from './file-path.ts';
import { guestOf } from './guest-of.ts';
import { presentFile } from './present-file.ts';
import { type App, answerSignal, type RestContext } from './rest-context.ts';
import { runCommand } from './run-command.ts';
import { IdempotencyHeaders, NoContent, NoQuery, SandboxParams } from './schemas/common.ts';
import * as wire from './schemas/file.ts';
import { ref } from './schemas/named.ts';

const tags = ['files'];
const base = '/sandboxes/:sandbox_id/files';

/** Files by their names: stat, list, make directories, move, delete, watch. What is in them: `file-content-routes.ts`. */
export function fileRoutes(app: App, rest: RestContext): void {
  app.get(
    `${base}/stat`,
    {
      schema: {
        tags,
        operationId: 'statFile',
        summary: 'What there is at a path',
        description: 'Of a symbolic link, the link itself.',
        params: SandboxParams,
        querystring: wire.FileQuery,
        response: responses({ 200: ref(wire.FileEntry) }),
      },
    },
    async ({ params, query }, reply) => {
      const path = checkPath('path', query.path);
      const guest = await guestOf(rest, params);
      return presentFile(await files.statFile(guest, path, { user: query.user, signal: answerSignal(reply, rest) }));
    },
  );

  app.get(
    `${base}/list`,
    {
      schema: {
        tags,
        operationId: 'listFiles',
        summary: 'List a directory',
        params: SandboxParams,
        querystring: wire.ListFilesQuery,
        response: responses({ 200: ref(wire.FileList) }),
      },
    },
    async ({ params, query }, reply) => {
      const path = checkPath('path', query.path);
      const guest = await guestOf(rest, params);
      const entries = await files.listFiles(guest, path, query.depth ?? 1, { user: query.user, signal: answerSignal(reply, rest) });
      return { entries: entries.map(presentFile) };
    },
  );

  app.post(
    `${base}/mkdir`,
    {
      schema: {
        tags,
        operationId: 'makeDirectory',
        summary: 'Make a directory, and the parents that it lacks',
        params: SandboxParams,
        querystring: NoQuery,
        headers: IdempotencyHeaders,
        body: ref(wire.MakeDirectoryBody),
        response: responses({ 201: ref(wire.FileEntry) }),
      },
    },
    async (request, reply) => {
      const { path, user } = request.body;
      checkPath('path', path);
      return runCommand({
        rest,
        request,
        reply,
        ns: parseNamespace(request.params.namespace),
        command: async () => {
          const guest = await guestOf(rest, request.params);
          return { status: 201, body: presentFile(await files.makeDirectory(guest, path, { user, signal: answerSignal(reply, rest) })) };
        },
      });
    },
  );

  app.post(
    `${base}/move`,
    {
      schema: {
        tags,
        operationId: 'moveFile',
        summary: 'Move or rename a file or directory',
        params: SandboxParams,
        querystring: NoQuery,
        headers: IdempotencyHeaders,
        body: ref(wire.MoveFileBody),
        response: responses({ 200: ref(wire.FileEntry) }),
      },
    },
    async (request, reply) => {
      const { source, destination, user } = request.body;
      checkPath('source', source);
      checkPath('destination', destination);
      return runCommand({
        rest,
        request,
        reply,
        ns: parseNamespace(request.params.namespace),
        command: async () => {
          const guest = await guestOf(rest, request.params);
          const entry = await files.moveFile(guest, source, destination, { user, signal: answerSignal(reply, rest) });
          return { status: 200, body: presentFile(entry) };
        },
      });
    },
  );

  app.delete(
    base,
    {
      schema: {
        tags,
        operationId: 'deleteFile',
        summary: 'Delete a file or directory',
        description: 'Of a symbolic link, the link itself.',
        params: SandboxParams,
        querystring: wire.DeleteFileQuery,
        response: responses({ 204: NoContent }),
      },
    },
    async ({ params, query }, reply) => {
      const path = checkPath('path', query.path);
      const guest = await guestOf(rest, params);
      const call = { user: query.user, signal: answerSignal(reply, rest) };
      const { type } = await files.statFile(guest, path, call);
      if (type === 'directory' && query.recursive !== true) await requireEmpty(guest, path, call);
      await files.removeFile(guest, path, call);
      return reply.status(204).send(null);
    },
  );

  app.get(
    `${base}/watch`,
    {
      exposeHeadRoute: false,
      schema: {
        tags,
        operationId: 'watchFiles',
        summary: 'Watch a directory',
        description:
          'Event `start` ({}), from which on nothing is missed, then `create`, `write`, `remove`, `rename`, `chmod` ({path}), or `error`.',
        params: SandboxParams,
        querystring: wire.WatchFilesQuery,
        response: streamResponses(),
      },
    },
    async ({ params, query }, reply) => {
      const path = checkPath('path', query.path);
      const guest = await guestOf(rest, params);
      const watch = await files.watchFiles(guest, path, query.recursive === true, { user: query.user, signal: answerSignal(reply, rest) });
      const events = encodeEvents(fileEvents(watch, path), rest.clock);
      return reply.headers(EVENT_STREAM_HEADERS).send(Readable.from(events, { objectMode: false }));
    },
  );
}

/** The guest removes a directory with all that is in it. @throws SandglassError `directory_not_empty`. */
async function requireEmpty(guest: GuestClient, path: string, call: files.FileCall): Promise<void> {
  if ((await files.listFiles(guest, path, 1, call)).length === 0) return;
  throw new SandglassError('directory_not_empty', 'the directory is not empty; pass recursive=true to delete it with all that is in it');
}
