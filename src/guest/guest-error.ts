import { Code, ConnectError } from '@connectrpc/connect';

/**
 * What can be wrong with a request to the guest, in the words of the REST API's reasons (`docs/errors.md`). The server knows
 * which ones a guest may name; the guest is not trusted with others.
 */
export type GuestReason =
  | 'invalid_request'
  | 'invalid_user'
  | 'invalid_workdir'
  | 'command_not_found'
  | 'entrypoint_failed'
  | 'process_not_found'
  | 'port_unreachable'
  | 'invalid_path'
  | 'file_not_found'
  | 'file_exists'
  | 'not_a_directory'
  | 'is_a_directory'
  | 'directory_not_empty'
  | 'file_access_denied'
  | 'range_not_satisfiable'
  | 'request_too_large'
  | 'too_many_requests'
  | 'disk_full'
  | 'internal';

/** Each reason's code in the Connect protocol, and status in plain HTTP; those that clients of envd rely on are its own. */
const CODES: Readonly<Record<GuestReason, readonly [code: Code, status: number]>> = {
  invalid_request: [Code.InvalidArgument, 400],
  invalid_user: [Code.Unauthenticated, 401],
  invalid_workdir: [Code.InvalidArgument, 400],
  command_not_found: [Code.InvalidArgument, 400],
  entrypoint_failed: [Code.FailedPrecondition, 422],
  process_not_found: [Code.NotFound, 404],
  port_unreachable: [Code.Unavailable, 502],
  invalid_path: [Code.InvalidArgument, 400],
  file_not_found: [Code.NotFound, 404],
  file_exists: [Code.AlreadyExists, 409],
  not_a_directory: [Code.InvalidArgument, 400],
  is_a_directory: [Code.InvalidArgument, 400],
  directory_not_empty: [Code.FailedPrecondition, 409],
  file_access_denied: [Code.PermissionDenied, 403],
  range_not_satisfiable: [Code.OutOfRange, 416],
  request_too_large: [Code.ResourceExhausted, 413],
  too_many_requests: [Code.ResourceExhausted, 429],
  disk_full: [Code.ResourceExhausted, 507],
  internal: [Code.Internal, 500],
};

/** Header, in both protocols, that carries the reason. */
export const REASON_HEADER = 'sandglass-reason';

/** An expected failure of the guest, for whichever protocol answers it. */
export class GuestError extends Error {
  readonly reason: GuestReason;

  constructor(reason: GuestReason, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'GuestError';
    this.reason = reason;
  }

  /** HTTP status of an answer that carries it. */
  get status(): number {
    return CODES[this.reason][1];
  }

  /** Any error as one of ours: what the kernel says about files in words, anything else as `internal`. */
  static from(thrown: unknown): GuestError {
    if (thrown instanceof GuestError) return thrown;
    const { code, path, message } = thrown as NodeJS.ErrnoException;
    const reason = code === undefined ? undefined : SYSTEM_ERRORS[code];
    if (reason === undefined) return new GuestError('internal', message ?? String(thrown), { cause: thrown });
    return new GuestError(reason, path === undefined ? message : `${path}: ${WORDS[reason] ?? message}`, { cause: thrown });
  }

  toConnectError(): ConnectError {
    return new ConnectError(this.message, CODES[this.reason][0], { [REASON_HEADER]: this.reason }, undefined, this);
  }
}

const SYSTEM_ERRORS: Readonly<Record<string, GuestReason>> = {
  ENOENT: 'file_not_found',
  EEXIST: 'file_exists',
  ENOTDIR: 'not_a_directory',
  EISDIR: 'is_a_directory',
  ENOTEMPTY: 'directory_not_empty',
  EACCES: 'file_access_denied',
  EPERM: 'file_access_denied',
  EROFS: 'file_access_denied',
  EBUSY: 'file_access_denied',
  ETXTBSY: 'file_access_denied',
  ELOOP: 'invalid_path',
  ENAMETOOLONG: 'invalid_path',
  EINVAL: 'invalid_path',
  ENOSPC: 'disk_full',
  EDQUOT: 'disk_full',
  EFBIG: 'disk_full',
};

const WORDS: Partial<Record<GuestReason, string>> = {
  file_not_found: 'there is no such file or directory',
  file_exists: 'it is there already',
  not_a_directory: 'a part of the path is not a directory',
  is_a_directory: 'it is a directory',
  directory_not_empty: 'the directory is not empty',
  disk_full: 'no space is left on the disk',
};
