import { type ErrorCode, isReason, REASONS, type Reason } from './reasons.ts';

/** Facts for programs about an error, such as `{ field: 'resources.cpus' }`. Never secret. */
export type ErrorDetails = Readonly<Record<string, unknown>>;

/**
 * An expected failure. The message is for people: what is wrong, and what to do about it; it goes to clients as it is.
 * The code and the HTTP status follow from the reason.
 */
export class SandglassError extends Error {
  override readonly name = 'SandglassError';
  readonly reason: Reason;
  readonly details: ErrorDetails | undefined;

  constructor(reason: Reason, message: string, options: { details?: ErrorDetails; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.reason = reason;
    this.details = options.details;
  }

  get code(): ErrorCode {
    return REASONS[this.reason].code;
  }

  /** HTTP status of an answer that carries this error. */
  get status(): number {
    return REASONS[this.reason].status;
  }

  /** Whether the same thing can succeed later without anybody changing it. */
  get retryable(): boolean {
    return REASONS[this.reason].retryable;
  }

  /**
   * Any thrown value as a SandglassError. What is not one already becomes `internal` with a constant message: the
   * detail stays in `cause`, for the log, and never reaches a client.
   */
  static from(thrown: unknown): SandglassError {
    if (thrown instanceof SandglassError) return thrown;
    return new SandglassError('internal', 'internal error; the server log has the detail', { cause: thrown });
  }
}

/** A failure as it is stored with an object, and carried between processes. */
export interface Failure {
  readonly reason: Reason;
  readonly message: string;
}

/** Longest message that is stored: an engine's output can be of any length. */
const MAX_MESSAGE_LENGTH = 2000;

/** What a thrown value says about itself, for storing. */
export function failureOf(thrown: unknown): Failure {
  const error = SandglassError.from(thrown);
  return { reason: error.reason, message: clipMessage(error.message) };
}

/** A failure that another process reports: an unknown reason becomes `internal`, and a long message is cut. */
export function parseFailure(reason: string, message: string): Failure {
  return { reason: isReason(reason) ? reason : 'internal', message: clipMessage(message) };
}

function clipMessage(message: string): string {
  return message.length > MAX_MESSAGE_LENGTH ? `${message.slice(0, MAX_MESSAGE_LENGTH)}…` : message;
}
