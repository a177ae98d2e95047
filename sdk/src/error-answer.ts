import { type ErrorCode, SandglassError } from './errors.ts';
import { parseRetryAfter } from './retry.ts';

/** How much of an answer that is not ours an error message shows. */
const MAX_EXCERPT_LENGTH = 200;

const CODE_OF_STATUS: Readonly<Record<number, ErrorCode>> = {
  400: 'invalid_argument',
  401: 'unauthenticated',
  403: 'permission_denied',
  404: 'not_found',
  408: 'deadline_exceeded',
  409: 'aborted',
  429: 'resource_exhausted',
  501: 'unimplemented',
  503: 'unavailable',
  504: 'deadline_exceeded',
};

interface WireError {
  readonly code: ErrorCode;
  readonly reason: string;
  readonly message: string;
  readonly details?: Readonly<Record<string, unknown>>;
}

/** The error that an HTTP answer outside 2xx carries; a proxy's page becomes `unexpected_answer` with an excerpt of it. */
export async function errorOfResponse(response: Response, now: number): Promise<SandglassError> {
  const text = await response.text().catch(() => '');
  const fields = {
    status: response.status,
    requestId: response.headers.get('x-request-id') ?? undefined,
    retryAfterMs: parseRetryAfter(response.headers.get('retry-after'), now),
  };
  const wire = parseWireError(text);
  if (wire !== undefined) return errorOfWire(wire, fields);
  const excerpt = text.trim().slice(0, MAX_EXCERPT_LENGTH);
  const message = `the server answered ${response.status} ${response.statusText}${excerpt === '' ? '' : `: ${excerpt}`}`;
  return new SandglassError(CODE_OF_STATUS[response.status] ?? 'unknown', 'unexpected_answer', message, fields);
}

function errorOfWire(wire: WireError, fields: { status?: number; requestId?: string | undefined; retryAfterMs?: number | undefined } = {}) {
  return new SandglassError(wire.code, wire.reason, wire.message, { ...fields, details: wire.details });
}

/** The error that an `error` event of a stream carries. */
export function errorOfEvent(data: string): SandglassError {
  const wire = parseWireError(data);
  return wire === undefined ? new SandglassError('unknown', 'unexpected_answer', `the stream failed: ${data}`) : errorOfWire(wire);
}

/** The error in `{"error": {"code", "reason", "message", "details"?}}`; undefined for anything else. */
function parseWireError(text: string): WireError | undefined {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    return undefined;
  }
  const error = (body as { error?: Partial<WireError> } | null)?.error;
  const complete = typeof error?.code === 'string' && typeof error.reason === 'string' && typeof error.message === 'string';
  return complete ? (error as WireError) : undefined;
}
