/** Does something once and returns how much it took; what it prepares and clears away is not counted. */
export type Contender = () => Promise<number>;

/**
 * Has every contender run once in each round, in an order that turns round from one round to the next (ABBA), so that neither
 * drift nor whatever the one leaves to the other favours any. @returns the values of each, by round.
 */
export async function interleave<K extends string>(
  contenders: Readonly<Record<K, Contender>>,
  { warmups, rounds, signal }: { readonly warmups: number; readonly rounds: number; readonly signal: AbortSignal },
): Promise<Record<K, number[]>> {
  const names = Object.keys(contenders) as K[];
  const values = Object.fromEntries(names.map((name) => [name, []])) as unknown as Record<K, number[]>;
  for (let round = -warmups; round < rounds; round++) {
    for (const name of round % 2 === 0 ? names : names.toReversed()) {
      signal.throwIfAborted();
      const value = await contenders[name]();
      if (round >= 0) values[name].push(value);
    }
  }
  return values;
}

/** How long `task` takes, in milliseconds. */
export async function timed(task: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await task();
  return performance.now() - startedAt;
}
