import { Code, ConnectError } from '@connectrpc/connect';
import { SandglassError } from '../model/errors.ts';
import type { ErrorCode } from '../model/reasons.ts';

const CODES: Record<ErrorCode, Code> = {
  cancelled: Code.Canceled,
  unknown: Code.Unknown,
  invalid_argument: Code.InvalidArgument,
  deadline_exceeded: Code.DeadlineExceeded,
  not_found: Code.NotFound,
  already_exists: Code.AlreadyExists,
  permission_denied: Code.PermissionDenied,
  resource_exhausted: Code.ResourceExhausted,
  failed_precondition: Code.FailedPrecondition,
  aborted: Code.Aborted,
  out_of_range: Code.OutOfRange,
  unimplemented: Code.Unimplemented,
  internal: Code.Internal,
  unavailable: Code.Unavailable,
  data_loss: Code.DataLoss,
  unauthenticated: Code.Unauthenticated,
};

/** Any thrown value as the status that a call ends with. What is not ours becomes `internal`, without its detail. */
export function toConnectError(thrown: unknown): ConnectError {
  if (thrown instanceof ConnectError) return thrown;
  const error = SandglassError.from(thrown);
  return new ConnectError(error.message, CODES[error.code]);
}
