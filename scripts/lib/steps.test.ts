import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

const { createSteps } = await import('./steps.mjs' as string);

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function recorded(isTTY: boolean) {
  const written: string[] = [];
  const output = { isTTY, columns: 40, write: (text: string) => written.push(text) };
  return { written, step: createSteps(output, () => Date.now()) };
}

const takes = (ms: number) => () => new Promise((resolve) => setTimeout(resolve, ms));

describe('a step', () => {
  it('is one line with its time where the output is no terminal', async () => {
    const { step, written } = recorded(false);
    const done = step('packages', takes(1200));
    await vi.advanceTimersByTimeAsync(1200);
    await done;
    expect(written).toEqual(['✓ packages  1.2 s\n']);
  });

  it('gives a sign of life now and then, with what it is at', async () => {
    const { step, written } = recorded(false);
    const done = step('packages', (detail: (text: string) => void) => {
      detail('fetching');
      return takes(31_000)();
    });
    await vi.advanceTimersByTimeAsync(31_000);
    await done;
    expect(written).toEqual(['… packages  15.0 s  fetching\n', '… packages  30.0 s  fetching\n', '✓ packages  31.0 s\n']);
  });

  it('counts the seconds on one line of a terminal, clipped and without control characters', async () => {
    const { step, written } = recorded(true);
    const done = step('packages', (detail: (text: string) => void) => {
      detail(`\u001b[2J${'x'.repeat(100)}`);
      return takes(600)();
    });
    await vi.advanceTimersByTimeAsync(600);
    await done;
    expect(written.at(-1)).toBe('\r\u001b[2K✓ packages  0.6 s\n');
    expect(written.slice(1, -1)).toEqual([
      `\r\u001b[2K… packages  0.3 s   [2J${'x'.repeat(15)}…`,
      `\r\u001b[2K… packages  0.5 s   [2J${'x'.repeat(15)}…`,
    ]);
  });

  it('shows a failure, and passes it on', async () => {
    const { step, written } = recorded(false);
    await expect(step('packages', async () => Promise.reject(new Error('broken')))).rejects.toThrow('broken');
    expect(written).toEqual(['✗ packages  0.0 s\n']);
  });
});
