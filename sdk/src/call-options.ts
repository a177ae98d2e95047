import { SandglassError } from './errors.ts';

/** What every call takes. */
export interface CallOptions {
  /** Aborting it ends the call, which then throws the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** What every wait takes. */
export interface WaitOptions extends CallOptions {
  /** Milliseconds to wait at most; without it, as long as the server itself allows the step to take. */
  readonly timeoutMs?: number | undefined;
}

/**
 * Runs `task` with a signal that aborts when the caller's does or when `timeoutMs` has passed.
 * @throws SandglassError `wait_timed_out` with the given message when the time was up.
 */
export async function withTimeout<T>(
  { signal, timeoutMs }: WaitOptions,
  message: string,
  task: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  signal?.throwIfAborted();
  const controller = new AbortController();
  const abort = () => controller.abort(signal?.reason);
  const timeUp = () => controller.abort(new SandglassError('deadline_exceeded', 'wait_timed_out', message));
  const timer = timeoutMs === undefined ? undefined : setTimeout(timeUp, timeoutMs);
  signal?.addEventListener('abort', abort, { once: true });
  try {
    return await task(controller.signal);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', abort);
  }
}
