/** The closed set of error codes: the canonical gRPC codes in snake_case, less `ok`. */
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

interface ReasonInfo {
  readonly code: ErrorCode;
  /** HTTP status of an answer that carries it. */
  readonly status: number;
  /** Whether the same request can succeed later without anybody changing it. */
  readonly retryable: boolean;
}

const reason = (code: ErrorCode, status: number, retryable = false): ReasonInfo => ({ code, status, retryable });

/**
 * Every reason that an error can carry. `docs/errors.md` explains each one; a test holds the two together.
 * One table serves the REST API, the executor protocol and the retry logic.
 */
export const REASONS = {
  // The request
  invalid_request: reason('invalid_argument', 400),
  invalid_namespace: reason('invalid_argument', 400),
  invalid_cursor: reason('invalid_argument', 400),
  invalid_image: reason('invalid_argument', 400),
  invalid_resources: reason('invalid_argument', 400),
  unsupported_runtime: reason('invalid_argument', 400),
  unsupported: reason('unimplemented', 501),
  request_too_large: reason('invalid_argument', 413),
  unsupported_media_type: reason('invalid_argument', 415),
  route_not_found: reason('not_found', 404),
  method_not_allowed: reason('unimplemented', 405),
  upgrade_required: reason('failed_precondition', 426),
  unauthenticated: reason('unauthenticated', 401),
  permission_denied: reason('permission_denied', 403),
  idempotency_key_reused: reason('already_exists', 409),
  idempotency_key_in_progress: reason('aborted', 409, true),
  too_many_requests: reason('resource_exhausted', 429, true),

  // Sandboxes
  sandbox_not_found: reason('not_found', 404),
  sandbox_not_running: reason('failed_precondition', 409),
  sandbox_failed: reason('failed_precondition', 422),
  image_not_found: reason('not_found', 422),
  image_pull_denied: reason('permission_denied', 422),
  entrypoint_failed: reason('failed_precondition', 422),
  command_not_found: reason('invalid_argument', 400),
  shell_not_found: reason('invalid_argument', 400),
  invalid_user: reason('invalid_argument', 400),
  invalid_workdir: reason('invalid_argument', 400),
  exec_timeout: reason('deadline_exceeded', 408),
  guest_unavailable: reason('unavailable', 503, true),

  // In a sandbox
  process_not_found: reason('not_found', 404),
  port_unreachable: reason('unavailable', 502, true),
  invalid_path: reason('invalid_argument', 400),
  file_not_found: reason('not_found', 404),
  file_exists: reason('already_exists', 409),
  not_a_directory: reason('failed_precondition', 409),
  is_a_directory: reason('failed_precondition', 409),
  directory_not_empty: reason('failed_precondition', 409),
  file_access_denied: reason('permission_denied', 403),
  range_not_satisfiable: reason('out_of_range', 416),

  // Snapshots
  snapshot_not_found: reason('not_found', 404),
  snapshot_not_active: reason('failed_precondition', 400),
  snapshot_unavailable: reason('failed_precondition', 410),
  snapshot_quota_exceeded: reason('resource_exhausted', 403),
  snapshot_in_use: reason('failed_precondition', 409),
  snapshot_failed: reason('failed_precondition', 422),

  // Executors and operations
  executor_not_found: reason('not_found', 404),
  executor_unavailable: reason('unavailable', 503, true),
  executor_lost: reason('unavailable', 503, true),
  deadline_exceeded: reason('deadline_exceeded', 504, true),
  operation_cancelled: reason('cancelled', 409),
  operation_not_found: reason('not_found', 404),
  engine_unavailable: reason('unavailable', 503, true),
  engine_error: reason('unknown', 502, true),
  registry_error: reason('unavailable', 502, true),
  disk_full: reason('resource_exhausted', 507, true),

  // The server and its store
  aborted: reason('aborted', 409, true),
  compacted: reason('out_of_range', 410),
  store_schema_newer: reason('failed_precondition', 500),
  store_locked: reason('failed_precondition', 500),
  store_closed: reason('unavailable', 503, true),
  store_corrupt: reason('data_loss', 500),
  shutting_down: reason('unavailable', 503, true),
  invalid_config: reason('invalid_argument', 500),
  internal: reason('internal', 500, true),
} as const satisfies Record<string, ReasonInfo>;

/** A documented sub-code of an error, such as `snapshot_not_active`. */
export type Reason = keyof typeof REASONS;

/** True when `text` is one of our reasons. What comes from another process is checked with it. */
export function isReason(text: string): text is Reason {
  return Object.hasOwn(REASONS, text);
}
