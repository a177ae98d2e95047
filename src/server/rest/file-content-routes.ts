import type { FastifyReply } from 'fastify';
import * as contents from '../guests/file-contents.ts';
import { statFile } from '../guests/files.ts';
import { bytesResponses, responses } from './answers.ts';
import { checkPath } from './file-path.ts';
import { guestOf } from './guest-of.ts';
import { presentFile } from './present-file.ts';
import { acceptAnyBody, bytesBody, streamsBody } from './raw-body.ts';
import { type App, answerSignal, type RestContext } from './rest-context.ts';
import { NoContent, SandboxParams } from './schemas/common.ts';
import * as wire from './schemas/file.ts';
import { ref } from './schemas/named.ts';

const tags = ['files'];
const base = '/sandboxes/:sandbox_id/files';

/** What is in files, and folders as archives: bytes both ways, of any size, held nowhere. */
export function fileContentRoutes(app: App, rest: RestContext): void {
  app.get(
    base,
    {
      exposeHeadRoute: false,
      schema: {
        tags,
        operationId: 'readFile',
        summary: 'Read a file',
        description: 'Takes `Range` with one range, and `Accept-Encoding: gzip`.',
        params: SandboxParams,
        querystring: wire.FileQuery,
        response: bytesResponses('application/octet-stream', 206),
      },
    },
    async ({ params, query, headers }, reply) => {
      const path = checkPath('path', query.path);
      const guest = await guestOf(rest, params);
      const request = { path, user: query.user, range: headers.range, gzip: takesGzip(headers['accept-encoding']) };
      const body = await contents.readFile(guest, request, answerSignal(reply, rest));
      reply.headers({ 'accept-ranges': 'bytes', vary: 'accept-encoding' });
      return sendBody(reply, body, 'application/octet-stream', baseName(path));
    },
  );

  app.get(
    `${base}/archive`,
    {
      exposeHeadRoute: false,
      schema: {
        tags,
        operationId: 'readArchive',
        summary: 'Read a file or directory, with all that is in it, as tar',
        params: SandboxParams,
        querystring: wire.FileQuery,
        response: bytesResponses('application/x-tar'),
      },
    },
    async ({ params, query }, reply) => {
      const path = checkPath('path', query.path);
      const guest = await guestOf(rest, params);
      const body = await contents.readArchive(guest, path, query.user, answerSignal(reply, rest));
      return sendBody(reply, body, 'application/x-tar', `${baseName(path)}.tar`);
    },
  );

  app.register((uploads: App, _options, done) => {
    acceptAnyBody(uploads);
    uploadRoutes(uploads, rest);
    done();
  });
}

function uploadRoutes(app: App, rest: RestContext): void {
  app.put(
    base,
    {
      config: streamsBody,
      schema: {
        tags,
        operationId: 'writeFile',
        summary: 'Write a file',
        description: 'The body, of any type and size, takes the place of the file that may be there. Parents that it lacks are made.',
        params: SandboxParams,
        querystring: wire.WriteFileQuery,
        body: bytesBody('application/octet-stream', 'What is to be in the file.'),
        response: responses({ 200: ref(wire.FileEntry) }),
      },
    },
    async ({ params, query, headers, raw }, reply) => {
      const { user, mode } = query;
      const path = checkPath('path', query.path);
      const guest = await guestOf(rest, params);
      const signal = answerSignal(reply, rest);
      await contents.writeFile(guest, { path, user, mode, contentLength: headers['content-length'], body: raw }, signal);
      return presentFile(await statFile(guest, path, { user, signal }));
    },
  );

  app.put(
    `${base}/archive`,
    {
      config: streamsBody,
      schema: {
        tags,
        operationId: 'writeArchive',
        summary: 'Unpack a tar below a directory',
        params: SandboxParams,
        querystring: wire.FileQuery,
        body: bytesBody('application/x-tar', 'A tar, uncompressed.'),
        response: responses({ 204: NoContent }),
      },
    },
    async ({ params, query, headers, raw }, reply) => {
      const path = checkPath('path', query.path);
      const guest = await guestOf(rest, params);
      const request = { path, user: query.user, contentLength: headers['content-length'], body: raw };
      await contents.writeArchive(guest, request, answerSignal(reply, rest));
      return reply.status(204).send(null);
    },
  );
}

/** Answers with bytes of a sandbox. Whatever they are, no browser is to take them for a page of this server. */
function sendBody(reply: FastifyReply, body: contents.FileBody, type: string, name: string): FastifyReply {
  reply.status(body.status).headers({
    'content-type': type,
    'content-disposition': `attachment; filename*=UTF-8''${encodeName(name)}`,
    'content-security-policy': "sandbox; default-src 'none'",
    'x-content-type-options': 'nosniff',
    'cache-control': 'no-store',
  });
  if (body.contentLength !== undefined) reply.header('content-length', body.contentLength);
  if (body.contentRange !== undefined) reply.header('content-range', body.contentRange);
  if (body.contentEncoding !== undefined) reply.header('content-encoding', body.contentEncoding);
  return reply.send(body.bytes);
}

function takesGzip(acceptEncoding: string | string[] | undefined): boolean {
  return /(^|[ ,])gzip *(;(?! *q=0(\.0*)? *(,|$))|,|$)/i.test(String(acceptEncoding ?? ''));
}

function baseName(path: string): string {
  return path.split('/').findLast((part) => part !== '') ?? 'root';
}

/** As RFC 8187 has it: what is no plain character in percent encoding. */
function encodeName(name: string): string {
  return encodeURIComponent(name).replace(/['()*]/g, (char) => `%${char.charCodeAt(0).toString(16)}`);
}
