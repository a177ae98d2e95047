/** What a check found. */
export interface Finding {
  readonly status: 'ok' | 'warn' | 'fail';
  /** What was found, in a few words. */
  readonly detail: string;
  /** What to do about it; with `warn` and `fail`. */
  readonly fix?: string;
}

/** One thing that `doctor` looks at. */
export interface Check {
  readonly name: string;
  /** The check without which this one tells nothing; when that one fails, this one is left out. */
  readonly needs?: string;
  /** What it throws counts as `fail`. */
  run(signal: AbortSignal): Promise<Finding>;
}

export interface NamedFinding extends Finding {
  readonly name: string;
}

/** Longest time for one check: an address that swallows packets must not hang the doctor. */
const TIMEOUT_MS = 10_000;

/** Runs `check`. `describe` tells an error's message and what to do. Throws only when the user interrupts. */
export async function runCheck(
  check: Check,
  describe: (thrown: unknown) => { message: string; hint?: string | undefined },
  interrupted: AbortSignal,
): Promise<NamedFinding> {
  const timeout = AbortSignal.timeout(TIMEOUT_MS);
  try {
    return { name: check.name, ...(await check.run(AbortSignal.any([interrupted, timeout]))) };
  } catch (thrown) {
    interrupted.throwIfAborted();
    if (timeout.aborted) return { name: check.name, status: 'fail', detail: `no answer within ${TIMEOUT_MS / 1000} s` };
    const { message, hint } = describe(thrown);
    return { name: check.name, status: 'fail', detail: message, ...(hint !== undefined && { fix: hint }) };
  }
}
