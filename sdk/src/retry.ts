import type { SandglassError } from './errors.ts';

/** How a call that failed for the moment is repeated. */
export interface RetryPolicy {
  /** Attempts in all; 1 for no repetition. */
  readonly maxAttempts: number;
  /** Delay before the second attempt in milliseconds; it doubles from attempt to attempt. */
  readonly baseMs: number;
  /** Longest delay in milliseconds. A server that asks for more is not waited for: its error is thrown. */
  readonly maxMs: number;
}

export const DEFAULT_RETRY: RetryPolicy = { maxAttempts: 4, baseMs: 150, maxMs: 10_000 };

/** True when the same request may succeed shortly, and nothing has been done by the failed one that a repetition would do twice. */
export function isTransient(error: SandglassError): boolean {
  return error.reason === 'unreachable' || error.status === 429 || error.status === 503 || error.reason === 'idempotency_key_in_progress';
}

/**
 * Milliseconds to wait before attempt `attempt + 1`, counted from 1; undefined to give up.
 * `random` in [0, 1) spreads clients that failed together. A server's Retry-After overrides the backoff.
 */
export function retryDelayMs(policy: RetryPolicy, attempt: number, error: SandglassError, random: number): number | undefined {
  if (attempt >= policy.maxAttempts || !isTransient(error)) return undefined;
  if (error.retryAfterMs !== undefined) return error.retryAfterMs <= policy.maxMs ? error.retryAfterMs : undefined;
  return Math.min(policy.maxMs, policy.baseMs * 2 ** (attempt - 1)) * (0.5 + random / 2);
}

/** Milliseconds that a Retry-After header asks for: seconds, or an HTTP date. @see RFC 9110, section 10.2.3. */
export function parseRetryAfter(header: string | null, now: number): number | undefined {
  if (header === null) return undefined;
  if (/^\s*\d{1,9}\s*$/.test(header)) return Number(header) * 1000;
  const date = Date.parse(header);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}

/** Resolves after `delayMs`. @throws the signal's reason, as soon as it aborts. */
export function sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason);
      return;
    }
    const onAbort = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    }, delayMs);
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}
