import { getEventListeners } from 'node:events';
import { expect, test } from 'vitest';
import { abortable, untilAborted } from './abortable.ts';

const never = new Promise<never>(() => {});

test('it settles as the promise does', async () => {
  const { signal } = new AbortController();
  await expect(abortable(Promise.resolve(1), signal)).resolves.toBe(1);
  await expect(abortable(Promise.reject(new Error('no')), signal)).rejects.toThrow('no');
});

test('it rejects with the reason of the signal, before or while it waits', async () => {
  const controller = new AbortController();
  const waiting = abortable(never, controller.signal);
  controller.abort(new Error('enough'));
  await expect(waiting).rejects.toThrow('enough');
  await expect(abortable(never, controller.signal)).rejects.toThrow('enough');
});

test('a promise that fails after the abort is no unhandled rejection', async () => {
  const late = Promise.withResolvers<void>();
  await expect(abortable(late.promise, AbortSignal.abort(new Error('enough')))).rejects.toThrow('enough');
  late.reject(new Error('late'));
  await new Promise((resolve) => setImmediate(resolve));
});

test('items come through until the signal aborts, even while the source is silent', async () => {
  const controller = new AbortController();
  async function* source() {
    yield 1;
    await never;
    yield 2;
  }
  const items = untilAborted(source(), controller.signal);
  expect(await items.next()).toEqual({ done: false, value: 1 });
  const second = items.next();
  controller.abort(new Error('enough'));
  await expect(second).rejects.toThrow('enough');
});

test('a consumer that stops has the source stop', async () => {
  let stopped = false;
  async function* source() {
    try {
      for (;;) yield 1;
    } finally {
      stopped = true;
    }
  }
  for await (const _ of untilAborted(source(), new AbortController().signal)) break;
  expect(stopped).toBe(true);
});

test('a source that ends ends it, and leaves no listener behind', async () => {
  const { signal } = new AbortController();
  async function* source() {
    yield* [1, 2, 3];
  }
  expect(await Array.fromAsync(untilAborted(source(), signal))).toEqual([1, 2, 3]);
  expect(getEventListeners(signal, 'abort')).toEqual([]);
});
