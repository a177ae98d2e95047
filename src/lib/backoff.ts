/** How long to wait between attempts. All durations in milliseconds. */
export interface BackoffPolicy {
  readonly baseMs: number;
  readonly maxMs: number;
}

/**
 * Exponential delay before attempt `attempt + 1`, where `attempt` counts from 1: `base`, `2·base`, `4·base` … up to `max`.
 * `random` in [0, 1) spreads the delay over its upper half, so that callers that failed together do not return together.
 */
export function backoffMs(policy: BackoffPolicy, attempt: number, random = 1): number {
  const exponential = Math.min(policy.maxMs, policy.baseMs * 2 ** Math.min(attempt - 1, 30));
  return Math.round(exponential * (0.5 + random / 2));
}
