import { GuestError } from './guest-error.ts';

const NOT_FOUND = 127;
const NOT_EXECUTABLE = 126;

/** The entrypoint could not be started, so that the sandbox has nothing to live for. */
export class EntrypointError extends GuestError {
  /** The status with which the sandbox ends, as a shell would: 126 when the program is there, 127 otherwise. */
  readonly exitStatus: number;

  constructor(cause: GuestError) {
    super('entrypoint_failed', cause.message, { cause });
    this.exitStatus = (cause.cause as NodeJS.ErrnoException | undefined)?.code === 'EACCES' ? NOT_EXECUTABLE : NOT_FOUND;
  }
}
