import type { Driver } from '../driver/driver.ts';
import { type BackoffPolicy, backoffMs } from '../lib/backoff.ts';
import { type Clock, sleep } from '../lib/clock.ts';
import type { Logger } from '../lib/logger.ts';

export interface RecoveryOptions {
  readonly driver: Driver;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Logger;
}

const BACKOFF: BackoffPolicy = { baseMs: 1_000, maxMs: 30_000 };

/**
 * Makes what an earlier process left behind safe, before anything else is done: a sandbox that it left frozen is thawed.
 * Tries until it succeeds: without an engine there is nothing else to do. @throws the signal's reason.
 */
export async function recover({ driver, clock, random, log }: RecoveryOptions, signal: AbortSignal): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    signal.throwIfAborted();
    try {
      await driver.recover(signal);
      return;
    } catch (error) {
      signal.throwIfAborted();
      const delayMs = backoffMs(BACKOFF, attempt, random());
      log.error({ err: error, delayMs }, 'recovery failed; nothing is done before it succeeds');
      await sleep(clock, delayMs, signal);
    }
  }
}
