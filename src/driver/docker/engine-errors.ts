import { SandglassError } from '../../model/errors.ts';

/** What dockerode throws: an error of Node's sockets, or one with the engine's answer. */
interface RawEngineError extends Error {
  readonly code?: string;
  readonly statusCode?: number;
  readonly json?: { readonly message?: string } | Buffer;
}

const UNREACHABLE = new Set(['ECONNREFUSED', 'ENOENT', 'ECONNRESET', 'EPIPE', 'ENOTFOUND', 'EAI_AGAIN', 'ETIMEDOUT', 'EHOSTUNREACH']);
const NO_SPACE = /no space left on device|disk quota exceeded/i;

/**
 * What a call to the engine threw, as a SandglassError: `engine_unavailable`, `disk_full`, or `engine_error` with the
 * engine's own message. The original stays in `cause`, where `engineStatus` finds it.
 */
export function engineError(thrown: unknown): SandglassError {
  if (thrown instanceof SandglassError) return thrown;
  if (!(thrown instanceof Error)) return new SandglassError('internal', 'internal error', { cause: thrown });
  const { code = '' } = thrown as RawEngineError;
  if (code === 'EACCES') {
    const message = 'no permission to use the container engine: run as root, or add this user to the group "docker"';
    return new SandglassError('engine_unavailable', message, { cause: thrown });
  }
  if (UNREACHABLE.has(code)) {
    return new SandglassError('engine_unavailable', `the container engine does not answer: ${thrown.message}`, { cause: thrown });
  }
  const message = engineMessage(thrown);
  return new SandglassError(NO_SPACE.test(message) ? 'disk_full' : 'engine_error', message, { cause: thrown });
}

/** Status of the engine's HTTP answer behind `thrown`; undefined when there was no answer. */
export function engineStatus(thrown: unknown): number | undefined {
  const raw = thrown instanceof SandglassError ? thrown.cause : thrown;
  return raw instanceof Error ? (raw as RawEngineError).statusCode : undefined;
}

/** The engine's own message, without what dockerode puts around it. */
export function engineMessage(thrown: unknown): string {
  const raw = thrown instanceof SandglassError && thrown.cause instanceof Error ? thrown.cause : thrown;
  if (!(raw instanceof Error)) return String(raw);
  const { json } = raw as RawEngineError;
  if (json !== undefined && !Buffer.isBuffer(json) && typeof json?.message === 'string') return json.message.trim();
  return raw.message.replace(/^\(HTTP code \d+\) [^-]*- /, '').trim();
}

export const isNotFound = (thrown: unknown): boolean => engineStatus(thrown) === 404;
export const isConflict = (thrown: unknown): boolean => engineStatus(thrown) === 409;

/** `undefined` in place of "there is no such object"; every other error is thrown on. */
export async function orUndefinedIfMissing<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}
