import { expect, vi } from 'vitest';

/** Resolves once what is counted has stood still for a while, above 0. */
export async function settled(count: () => number): Promise<void> {
  let before = -1;
  const standsStill = () => {
    const now = count();
    const stands = now > 0 && now === before;
    before = now;
    expect(stands).toBe(true);
  };
  await vi.waitFor(standsStill, { interval: 500, timeout: 25_000 });
}
