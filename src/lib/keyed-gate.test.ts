import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KeyedGate } from './keyed-gate.ts';

/** Lets everything happen that can happen without any task getting on. */
const settle = () => new Promise<void>((resolve) => setImmediate(resolve));

/** Starts tasks of one key that stay until they are let go. */
function tasks(kinds: readonly ('shared' | 'exclusive')[]) {
  const gate = new KeyedGate<string>();
  const begun: number[] = [];
  const ends = kinds.map((kind, index) => {
    const end = Promise.withResolvers<void>();
    const run = gate[kind]('a', async () => {
      begun.push(index);
      await end.promise;
    });
    run.catch(() => {});
    return end;
  });
  return { begun, ends };
}

describe('KeyedGate', () => {
  it('runs shared tasks at the same time, and an exclusive one alone, in order of arrival', async () => {
    const { begun, ends } = tasks(['shared', 'shared', 'exclusive', 'shared', 'shared', 'exclusive', 'exclusive']);
    const expected = [
      [0, 1],
      [0, 1],
      [0, 1, 2],
      [0, 1, 2, 3, 4],
      [0, 1, 2, 3, 4],
      [0, 1, 2, 3, 4, 5],
      [0, 1, 2, 3, 4, 5, 6],
    ];
    for (const [index, end] of ends.entries()) {
      await settle();
      expect(begun).toEqual(expected[index]);
      end.resolve();
    }
  });

  it('goes on after a task that failed, and tells its caller', async () => {
    const gate = new KeyedGate<string>();
    const failure = new Error('no');
    const runs = [gate.shared('a', () => Promise.reject(failure)), gate.exclusive('a', () => Promise.reject(failure))];
    const after = gate.shared('a', async () => 'went on');
    for (const run of runs) await expect(run).rejects.toBe(failure);
    expect(await after).toBe('went on');
  });

  it('does not let tasks of other keys wait', async () => {
    const gate = new KeyedGate<string>();
    const end = Promise.withResolvers<void>();
    const held = gate.exclusive('a', () => end.promise);
    expect(await gate.shared('b', async () => 'done')).toBe('done');
    end.resolve();
    await held;
  });

  it('never runs an exclusive task together with another, whatever the order of ends', async () => {
    const kind = fc.constantFrom('shared' as const, 'exclusive' as const);
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(kind, fc.nat(3)), { maxLength: 20 }), async (plan) => {
        const gate = new KeyedGate<string>();
        const running = { shared: 0, exclusive: 0 };
        const run = async (wanted: 'shared' | 'exclusive', turns: number) => {
          running[wanted] += 1;
          expect(running.exclusive === 0 || (running.exclusive === 1 && running.shared === 0)).toBe(true);
          for (let turn = 0; turn < turns; turn++) await settle();
          running[wanted] -= 1;
        };
        await Promise.all(plan.map(([wanted, turns]) => gate[wanted]('a', () => run(wanted, turns))));
      }),
      { numRuns: 50 },
    );
  });
});
