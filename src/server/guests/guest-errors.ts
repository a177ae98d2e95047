import { SandglassError } from '../../model/errors.ts';
import type { Reason } from '../../model/reasons.ts';

/** Header, in HTTP and in the Connect protocol, that carries the reason of a guest's error. */
export const REASON_HEADER = 'sandglass-reason';

/** What a guest may say went wrong. Whatever else it says counts as its own failure. */
const REASONS: ReadonlySet<string> = new Set<Reason>([
  'invalid_request',
  'invalid_user',
  'invalid_workdir',
  'command_not_found',
  'process_not_found',
  'port_unreachable',
  'invalid_path',
  'file_not_found',
  'file_exists',
  'not_a_directory',
  'is_a_directory',
  'directory_not_empty',
  'file_access_denied',
  'range_not_satisfiable',
  'request_too_large',
  'too_many_requests',
  'disk_full',
]);

/** Which reason a code of the Connect protocol stands for where the guest names none; the other codes are its own failure. */
const REASONS_BY_CODE: Readonly<Record<string, Reason>> = {
  invalid_argument: 'invalid_request',
  out_of_range: 'invalid_request',
  unauthenticated: 'invalid_user',
  not_found: 'file_not_found',
  already_exists: 'file_exists',
  permission_denied: 'file_access_denied',
  resource_exhausted: 'too_many_requests',
  unimplemented: 'unsupported',
  deadline_exceeded: 'exec_timeout',
};

const CODES_BY_STATUS: Readonly<Record<number, string>> = {
  400: 'invalid_argument',
  401: 'unauthenticated',
  403: 'permission_denied',
  404: 'not_found',
  409: 'already_exists',
  413: 'resource_exhausted',
  416: 'out_of_range',
  429: 'resource_exhausted',
};

const MAX_MESSAGE_LENGTH = 1000;

/** An error as a guest tells it; nothing of it has been checked. */
export interface GuestFailure {
  readonly reason?: unknown;
  /** Of the Connect protocol, in snake_case. */
  readonly code?: unknown;
  readonly status?: number;
  readonly message?: unknown;
}

/** What a guest says went wrong, as far as it is believed. */
export function fromGuestFailure({ reason, code, status, message }: GuestFailure): SandglassError {
  const text = typeof message === 'string' && message !== '' ? clip(message) : 'it does not say why';
  if (typeof reason === 'string' && REASONS.has(reason)) return new SandglassError(reason as Reason, text);
  const known = typeof code === 'string' && Object.hasOwn(REASONS_BY_CODE, code) ? code : CODES_BY_STATUS[status ?? 0];
  const byCode = known === undefined || reason === 'internal' ? undefined : REASONS_BY_CODE[known];
  if (byCode !== undefined) return new SandglassError(byCode, text);
  return new SandglassError('guest_unavailable', `the sandbox's guest failed: ${text}`);
}

/** The error for an answer that breaks the protocol. */
export function malformedAnswer(problem: string, cause?: unknown): SandglassError {
  return new SandglassError('guest_unavailable', `the sandbox's guest gave a malformed answer: ${problem}`, { cause });
}

/** The error for a guest that says nothing. */
export function silentGuest(afterMs: number): SandglassError {
  return new SandglassError('guest_unavailable', `the sandbox's guest did not answer for ${afterMs / 1000} s`);
}

/** The error for a connection that failed. What the way there says itself is passed on. */
export function lostGuest(cause: unknown): SandglassError {
  if (cause instanceof SandglassError) return cause;
  const { code, message } = cause as NodeJS.ErrnoException;
  if (code === 'HPE_HEADER_OVERFLOW') return malformedAnswer('its headers are too large', cause);
  if (code?.startsWith('HPE_')) return malformedAnswer('it is not HTTP', cause);
  return new SandglassError('guest_unavailable', `the connection to the sandbox's guest was lost (${code ?? clip(message)})`, { cause });
}

function clip(message: string): string {
  return message.length > MAX_MESSAGE_LENGTH ? `${message.slice(0, MAX_MESSAGE_LENGTH)}…` : message;
}
