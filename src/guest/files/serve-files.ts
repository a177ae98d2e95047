import type { IncomingMessage, ServerResponse } from 'node:http';
import { requestedUser } from '../account.ts';
import { GuestError, REASON_HEADER } from '../guest-error.ts';
import type { SettingsHolder } from '../settings.ts';
import { composeFiles } from './compose-files.ts';
import { fileAccount } from './file-owner.ts';
import { resolvePath } from './file-path.ts';
import { receiveArchive } from './receive-archive.ts';
import { receiveFiles } from './receive-files.ts';
import { requestBody } from './request-body.ts';
import { sendArchive } from './send-archive.ts';
import { sendFile } from './send-file.ts';

const METADATA_HEADER = 'x-metadata-';

/**
 * Answers requests for `/files` as envd does: `GET ?path=` sends a file, `POST` writes some, `POST /files/compose` puts some together.
 * Beyond envd, `/files/archive` sends (`GET`) or extracts (`POST`) a tar archive. The user is `username` of the query, or the one in the
 * request's basic authentication. Signatures are not looked at: whoever reaches the guest is the executor.
 * Never rejects: errors are answered, and where the answer has begun already, the connection is broken.
 */
export async function serveFiles(request: IncomingMessage, response: ServerResponse, settings: SettingsHolder): Promise<void> {
  try {
    await answer(request, response, settings);
  } catch (error) {
    answerError(response, GuestError.from(error));
  }
}

async function answer(request: IncomingMessage, response: ServerResponse, { current: settings }: SettingsHolder): Promise<void> {
  const { pathname, searchParams: query } = new URL(request.url ?? '/', 'http://guest');
  const account = fileAccount(query.get('username') || requestedUser(request.headers.authorization), settings);
  const path = query.get('path') ?? undefined;
  switch (`${request.method} ${pathname}`) {
    case 'HEAD /files':
    case 'GET /files':
      return sendFile(resolvePath(path ?? '', account, settings), request, response);
    case 'POST /files': {
      const attributes = { mode: parseMode(query.get('mode')), metadata: metadataHeaders(request) };
      return answerJson(response, 200, await receiveFiles(request, { account, settings, path, attributes }));
    }
    case 'POST /files/compose':
      return answerJson(response, 200, await composeFiles(requestBody(request), account, settings));
    case 'GET /files/archive':
      return sendArchive(resolvePath(path ?? '', account, settings), response);
    case 'POST /files/archive':
      await receiveArchive(resolvePath(path ?? '', account, settings), account, requestBody(request));
      response.writeHead(204).end();
      return;
    default:
      throw new GuestError('invalid_request', `there is no ${request.method} ${pathname}`);
  }
}

function parseMode(text: string | null): number | undefined {
  if (text === null) return undefined;
  if (!/^[0-7]{3,5}$/.test(text) || Number.parseInt(text, 8) > 0o7777)
    throw new GuestError('invalid_request', 'mode must be octal, such as 0644');
  return Number.parseInt(text, 8);
}

function metadataHeaders(request: IncomingMessage): Record<string, string> {
  const metadata: Record<string, string> = {};
  for (const [header, values] of Object.entries(request.headersDistinct)) {
    const key = header.slice(METADATA_HEADER.length);
    if (header.startsWith(METADATA_HEADER) && key !== '') metadata[key] = Buffer.from(values?.[0] ?? '', 'latin1').toString('utf8');
  }
  return metadata;
}

function answerError(response: ServerResponse, error: GuestError): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  for (const name of response.getHeaderNames()) if (name !== 'content-range') response.removeHeader(name);
  response.setHeader(REASON_HEADER, error.reason);
  answerJson(response, error.status, { code: error.status, message: error.message, reason: error.reason });
}

function answerJson(response: ServerResponse, status: number, body: unknown): void {
  const text = JSON.stringify(body);
  response.writeHead(status, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(text) });
  response.end(text);
}
