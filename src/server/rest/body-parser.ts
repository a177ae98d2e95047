import type { FastifyInstance, FastifyRequest } from 'fastify';
import { findMalformedText, jsonErrorPosition } from '../../lib/json-syntax.ts';
import { SandglassError } from '../../model/errors.ts';
import { invalidField } from './invalid-request.ts';

/** Most bytes of a request's body. */
export const BODY_LIMIT_BYTES = 1024 * 1024;

/**
 * Bodies are JSON. `curl -d` calls its JSON a form unless told otherwise, so what claims to be a form, or says nothing, is
 * read as JSON as well; other types are refused. An empty body counts as `{}`.
 */
export function addBodyParser(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  const parseAs = { parseAs: 'buffer' } as const;
  app.addContentTypeParser('application/json', parseAs, async (_request: FastifyRequest, bytes: Buffer) => parseJson(bytes));
  app.addContentTypeParser('application/x-www-form-urlencoded', parseAs, async (_request: FastifyRequest, bytes: Buffer) =>
    parseClaimedForm(bytes),
  );
  app.addContentTypeParser('*', parseAs, async ({ headers }: FastifyRequest, bytes: Buffer) =>
    parseUnknown(headers['content-type'], bytes),
  );
  app.addHook('preValidation', async (request) => {
    if (request.body === undefined) request.body = {};
  });
}

/** A body that says it is a form: JSON when it looks like it, or else it is one. */
function parseClaimedForm(bytes: Buffer): unknown {
  if (bytes.length === 0 || /^\s*[{["]/.test(bytes.toString('latin1', 0, 64))) return parseJson(bytes);
  throw new SandglassError('unsupported_media_type', 'forms are not taken; send JSON, with `content-type: application/json`');
}

function parseUnknown(type: string | undefined, bytes: Buffer): unknown {
  if (type === undefined || bytes.length === 0) return parseJson(bytes);
  throw new SandglassError('unsupported_media_type', `content type ${JSON.stringify(type)} is not taken; send application/json`);
}

/** @throws SandglassError `invalid_request` with the position of the mistake. */
function parseJson(bytes: Buffer): unknown {
  if (bytes.length === 0) return undefined;
  const text = decode(bytes);
  const json = parse(text);
  if (/\\u[dD][89a-fA-F]/.test(text) && findMalformedText(json) !== undefined) {
    throw invalidField('body', 'the body has a text with half a surrogate pair (\\ud800 to \\udfff), which is no character');
  }
  return json;
}

function decode(bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw invalidField('body', 'the body is not UTF-8; send JSON in UTF-8');
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text, refuseProto(text));
  } catch (error) {
    if (error instanceof SandglassError) throw error;
    throw new SandglassError('invalid_request', `the body is not JSON${placeOfMistake(text)}`, { details: { field: 'body' } });
  }
}

/** Names that JavaScript gives a meaning are no field's: refusing them costs nothing where the text has none. */
function refuseProto(text: string): ((key: string, value: unknown) => unknown) | undefined {
  if (!/__proto__|\\u/.test(text)) return undefined;
  return (key, value) => {
    if (key === '__proto__') throw invalidField('body', 'the body has a field `__proto__`, which is not allowed');
    return value;
  };
}

function placeOfMistake(text: string): string {
  const position = jsonErrorPosition(text);
  if (position === undefined) return '';
  if (position === text.length) return `: it ends too early, at position ${position}`;
  const before = text.slice(0, position).split('\n');
  const column = (before.at(-1)?.length ?? 0) + 1;
  const found = JSON.stringify(String.fromCodePoint(text.codePointAt(position) ?? 0));
  return `: unexpected ${found} at position ${position} (line ${before.length}, column ${column})`;
}
