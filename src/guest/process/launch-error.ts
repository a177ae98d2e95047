import { GuestError } from '../guest-error.ts';
import type { LaunchPlan } from './launch-plan.ts';

/** What can still go wrong with a process after all checks, in words. */
export function launchError(error: unknown, { cmd }: LaunchPlan): GuestError {
  if (error instanceof GuestError) return error;
  const { code, message } = error as NodeJS.ErrnoException;
  const options = { cause: error };
  switch (code) {
    case 'ENOENT':
      return new GuestError('command_not_found', `${cmd} cannot be run: the interpreter that it names does not exist`, options);
    case 'EACCES':
      return new GuestError('command_not_found', `${cmd} is not executable`, options);
    case 'ENOEXEC':
      return new GuestError('command_not_found', `${cmd} is no program for this machine`, options);
    case 'E2BIG':
      return new GuestError('invalid_request', 'the arguments and variables are longer than the system allows', options);
    case 'EAGAIN':
    case 'EMFILE':
    case 'ENFILE':
    case 'ENOMEM':
      return new GuestError('too_many_requests', `the sandbox can run no more processes (${code})`, options);
    default:
      return new GuestError('internal', `${cmd} cannot be run: ${message}`, options);
  }
}
