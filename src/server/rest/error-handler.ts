import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from '../../lib/logger.ts';
import { SandglassError } from '../../model/errors.ts';
import { BODY_LIMIT_BYTES } from './body-parser.ts';
import { ViolationError } from './validation.ts';

export interface ErrorBody {
  readonly error: {
    readonly code: string;
    readonly reason: string;
    readonly message: string;
    readonly details?: Readonly<Record<string, unknown>>;
  };
}

export function errorBody({ code, reason, message, details }: SandglassError): ErrorBody {
  return { error: { code, reason, message, ...(details === undefined ? {} : { details }) } };
}

/** Answers whatever a route threw. What nobody expected goes to the log, and the client gets the id to find it by. */
export function errorHandler(log: Logger) {
  return (thrown: unknown, request: FastifyRequest, reply: FastifyReply): void => {
    const error = fromThrown(thrown);
    // What a program in a sandbox does is no failure of the server.
    if (error.status >= 500 && error.reason !== 'port_unreachable') {
      log.error(
        { request_id: request.id, method: request.method, route: request.routeOptions.url, err: error.cause ?? error },
        'request failed',
      );
    }
    if (error.status === 401) reply.header('www-authenticate', 'Bearer realm="sandglass"');
    if (error.reason === 'request_too_large' && declaredBytes(request) <= MAX_DISCARDED_BYTES) reply.removeHeader('connection');
    const answered =
      error.reason === 'internal'
        ? new SandglassError('internal', `internal error; the server log has the detail under request id ${request.id}`, {
            details: { request_id: request.id },
          })
        : error;
    reply.status(answered.status).type('application/json; charset=utf-8').send(errorBody(answered));
  };
}

/**
 * A body that is too large is read and thrown away up to this size, instead of closing the connection under the client: one
 * that is still sending would be told of a broken pipe, and never see the answer.
 */
const MAX_DISCARDED_BYTES = 64 * 1024 * 1024;

function declaredBytes({ headers }: FastifyRequest): number {
  return Number(headers['content-length'] ?? Number.POSITIVE_INFINITY);
}

function fromThrown(thrown: unknown): SandglassError {
  if (thrown instanceof ViolationError) return SandglassError.from(thrown.cause);
  const code = (thrown as Partial<FastifyError> | undefined)?.code;
  const frameworkError = typeof code === 'string' ? FRAMEWORK_ERRORS[code]?.() : undefined;
  return frameworkError ?? SandglassError.from(thrown);
}

/** What fastify itself refuses, in our words. */
const FRAMEWORK_ERRORS: Readonly<Record<string, () => SandglassError>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: () =>
    new SandglassError('request_too_large', `the body is larger than the ${BODY_LIMIT_BYTES} bytes that are taken`, {
      details: { limit_bytes: BODY_LIMIT_BYTES },
    }),
  FST_ERR_CTP_INVALID_MEDIA_TYPE: () =>
    new SandglassError('unsupported_media_type', 'the content-type header is not one; send application/json'),
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: () =>
    new SandglassError('invalid_request', 'the body has another length than the content-length header says'),
  FST_ERR_BAD_URL: () => new SandglassError('invalid_request', 'the path has a % that is not followed by two hexadecimal digits of UTF-8'),
  FST_ERR_MAX_PARAM_LENGTH: () => new SandglassError('route_not_found', 'the path has a part that is longer than any id or name'),
};
