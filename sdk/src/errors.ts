/** The canonical gRPC codes in snake_case, less `ok`. */
export type ErrorCode =
  | 'cancelled'
  | 'unknown'
  | 'invalid_argument'
  | 'deadline_exceeded'
  | 'not_found'
  | 'already_exists'
  | 'permission_denied'
  | 'resource_exhausted'
  | 'failed_precondition'
  | 'aborted'
  | 'out_of_range'
  | 'unimplemented'
  | 'internal'
  | 'unavailable'
  | 'data_loss'
  | 'unauthenticated';

/** Reasons that this client adds to those of the server. */
export type ClientReason =
  | 'unreachable' // no connection, or it broke before the answer was complete
  | 'stream_ended' // a stream of events ended before its last one
  | 'stream_unavailable' // the server, or a proxy before it, does not deliver events
  | 'unexpected_answer' // whatever answered does not speak this API
  | 'wait_timed_out' // `timeoutMs` of a wait has passed
  | 'websocket_unavailable' // this platform has no WebSocket
  | 'slow_reader' // more came over a WebSocket than was read, and this platform's can't be told to wait
  | 'output_lost' // the connection was away for so long that output of a process was dropped
  | 'snapshot_not_deleted' // waited for the end of a snapshot that nobody deletes
  | 'invalid_options'; // options that this client cannot use

export interface SandglassErrorFields {
  readonly status?: number | undefined;
  readonly details?: Readonly<Record<string, unknown>> | undefined;
  readonly requestId?: string | undefined;
  readonly retryAfterMs?: number | undefined;
  readonly cause?: unknown;
}

/** A failed call. The message is for people: what is wrong, and what to do about it. An aborted call throws its signal's reason instead. */
export class SandglassError extends Error {
  override readonly name = 'SandglassError';
  readonly code: ErrorCode;
  /** The documented sub-code, such as `snapshot_not_active`: one of the server's, or a `ClientReason`. */
  readonly reason: string;
  /** HTTP status; absent when there was no answer. */
  readonly status: number | undefined;
  /** Facts for programs, such as `{ field: 'resources.cpus' }`. */
  readonly details: Readonly<Record<string, unknown>> | undefined;
  /** The server's id of the request, to find it in the server's log. */
  readonly requestId: string | undefined;
  /** How long the server asks to wait before the next attempt. */
  readonly retryAfterMs: number | undefined;

  constructor(code: ErrorCode, reason: string, message: string, fields: SandglassErrorFields = {}) {
    super(message, fields.cause === undefined ? undefined : { cause: fields.cause });
    this.code = code;
    this.reason = reason;
    this.status = fields.status;
    this.details = fields.details;
    this.requestId = fields.requestId;
    this.retryAfterMs = fields.retryAfterMs;
  }
}
