/** A source of wall-clock time and timers, passed in so that tests can drive it. */
export interface Clock {
  /** Epoch milliseconds. */
  now(): number;
  /** Calls `callback` once after `delayMs` (at least 0). Calling the returned function cancels it. */
  schedule(delayMs: number, callback: () => void): () => void;
}

/** Longest delay that `setTimeout` takes without wrapping round to 1 ms. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

/** The real clock. Its timers do not keep the process alive. */
export const systemClock: Clock = {
  now: () => Date.now(),
  schedule(delayMs, callback) {
    let timer: NodeJS.Timeout;
    const arm = (remainingMs: number) => {
      const stepMs = Math.min(remainingMs, MAX_TIMEOUT_MS);
      timer = setTimeout(() => (remainingMs > stepMs ? arm(remainingMs - stepMs) : callback()), stepMs);
      timer.unref();
    };
    arm(Math.max(delayMs, 0));
    return () => clearTimeout(timer);
  },
};

/**
 * Resolves after `delayMs` on `clock`.
 * @throws the signal's reason, as soon as `signal` aborts.
 */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason);
      return;
    }
    const onAbort = () => {
      cancel();
      reject(signal?.reason);
    };
    const cancel = clock.schedule(delayMs, () => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    });
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}
