import { SandglassError } from '../../model/errors.ts';
import type { Reason } from '../../model/reasons.ts';

/** The error for a field of a request. `field` is its path as the client wrote it, such as `resources.cpus`. */
export function invalidField(field: string, message: string, reason: Reason = 'invalid_request'): SandglassError {
  return new SandglassError(reason, message, { details: { field } });
}
