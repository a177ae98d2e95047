import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KeyedMutex } from './keyed-mutex.ts';

/** Lets everything happen that can happen without any task getting on. */
const settle = () => new Promise<void>((resolve) => setImmediate(resolve));

/** Node offers the collector only behind a flag, which can be set at run time. */
function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
}

describe('KeyedMutex', () => {
  it('runs tasks of one key one after another, in order of arrival', async () => {
    const mutex = new KeyedMutex<string>();
    const gates = Array.from({ length: 3 }, () => Promise.withResolvers<void>());
    const begun: number[] = [];
    const runs = gates.map(({ promise }, n) =>
      mutex.run('a', async () => {
        begun.push(n);
        await promise;
        return n;
      }),
    );
    for (const [n, gate] of gates.entries()) {
      await settle();
      expect(begun).toEqual([0, 1, 2].slice(0, n + 1));
      gate.resolve();
    }
    expect(await Promise.all(runs)).toEqual([0, 1, 2]);
  });

  it('begins at once when nothing of the key is running', () => {
    let hasBegun = false;
    const run = new KeyedMutex<string>().run('a', async () => {
      hasBegun = true;
    });
    expect(hasBegun).toBe(true);
    return run;
  });

  it('does not let tasks of other keys wait', async () => {
    const mutex = new KeyedMutex<string>();
    const gate = Promise.withResolvers<void>();
    const held = mutex.run('a', () => gate.promise);
    expect(await mutex.run('b', async () => 'done')).toBe('done');
    gate.resolve();
    await held;
  });

  it('hands a failure to its own caller, and goes on with the next task', async () => {
    const mutex = new KeyedMutex<string>();
    const failing = mutex.run('a', () => Promise.reject(new Error('failed')));
    const throwing = mutex.run('a', () => {
      throw new Error('thrown');
    });
    const working = mutex.run('a', async () => 'done');
    await expect(failing).rejects.toThrow('failed');
    await expect(throwing).rejects.toThrow('thrown');
    expect(await working).toBe('done');
  });

  it('never overlaps tasks of one key, and loses none, whatever arrives when', async () => {
    const task = fc.record({ key: fc.constantFrom('a', 'b', 'c'), ticks: fc.nat(4), fails: fc.boolean(), pauseBefore: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(fc.array(task, { maxLength: 30 }), async (tasks) => {
        const mutex = new KeyedMutex<string>();
        const running = new Set<string>();
        const order: string[] = [];
        const runs: Promise<void>[] = [];
        for (const [n, { key, ticks, fails, pauseBefore }] of tasks.entries()) {
          if (pauseBefore) await Promise.resolve();
          runs.push(
            mutex.run(key, async () => {
              expect(running.has(key)).toBe(false);
              running.add(key);
              order.push(`${key}${n}`);
              for (let tick = 0; tick < ticks; tick++) await Promise.resolve();
              running.delete(key);
              if (fails) throw new Error(`${n}`);
            }),
          );
        }
        const outcomes = await Promise.allSettled(runs);
        expect(outcomes.map(({ status }) => status)).toEqual(tasks.map(({ fails }) => (fails ? 'rejected' : 'fulfilled')));
        for (const key of ['a', 'b', 'c']) {
          const arrived = tasks.flatMap((given, n) => (given.key === key ? [`${key}${n}`] : []));
          expect(order.filter((entry) => entry.startsWith(key))).toEqual(arrived);
        }
      }),
    );
  });

  it('keeps nothing of a key whose tasks have all settled', async () => {
    const mutex = new KeyedMutex<object>();
    const keys = Array.from({ length: 100 }, () => new WeakRef({}));
    await Promise.all(keys.map((ref) => mutex.run(ref.deref() as object, async () => {})));
    await settle();
    collectGarbage();
    await settle();
    expect(keys.filter((ref) => ref.deref() !== undefined)).toEqual([]);
  });
});
