import { expect, test } from 'vitest';
import { Slots } from './slots.ts';

const never = new AbortController().signal;

test('no more tasks run than there are slots, and the others follow in order', async () => {
  const slots = new Slots(2);
  const log: number[] = [];
  const gates = [0, 1, 2, 3].map(() => Promise.withResolvers<void>());
  const all = gates.map(({ promise }, n) =>
    slots.run(async () => {
      log.push(n);
      await promise;
    }, never),
  );
  await Promise.resolve();
  expect(log).toEqual([0, 1]);
  gates[1]?.resolve();
  await new Promise((resolve) => setImmediate(resolve));
  expect(log).toEqual([0, 1, 2]);
  for (const gate of gates) gate.resolve();
  await Promise.all(all);
  expect(log).toEqual([0, 1, 2, 3]);
});

test('a task that gives up waiting takes no slot, and one that fails returns it', async () => {
  const slots = new Slots(1);
  const gate = Promise.withResolvers<void>();
  const first = slots.run(() => gate.promise, never);
  const abort = new AbortController();
  const second = slots.run(async () => 'second', abort.signal);
  const third = slots.run(async () => 'third', never);
  abort.abort(new Error('given up'));
  await expect(second).rejects.toThrow('given up');
  gate.reject(new Error('failed'));
  await expect(first).rejects.toThrow('failed');
  expect(await third).toBe('third');
  await expect(slots.run(async () => 'late', abort.signal)).rejects.toThrow('given up');
});
