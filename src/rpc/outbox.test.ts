import { describe, expect, test } from 'vitest';
import { Outbox } from './outbox.ts';

const outbox = () => new Outbox<number>({ waitAt: 2, refuseAt: 3 });

async function drain(box: Outbox<number>): Promise<number[]> {
  const taken: number[] = [];
  for await (const message of box) taken.push(message);
  return taken;
}

describe('an outbox', () => {
  test('gives messages out in order, also to a consumer that was there first', async () => {
    const box = outbox();
    const taken = drain(box);
    for (const message of [1, 2, 3, 4]) expect(await box.send(message)).toBe(true);
    box.end();
    expect(await taken).toEqual([1, 2, 3, 4]);
  });

  test('makes send wait for room, and keeps the order of the calls', async () => {
    const box = outbox();
    const settled: number[] = [];
    const sends = [1, 2, 3, 4].map((message) => box.send(message).then(() => settled.push(message)));
    await Promise.resolve();
    expect(settled).toEqual([1, 2]);
    expect([await box.next(), await box.next(), await box.next(), await box.next()].map(({ value }) => value)).toEqual([1, 2, 3, 4]);
    await Promise.all(sends);
    expect(settled).toEqual([1, 2, 3, 4]);
  });

  test('lets push pass what waits, up to its bound', () => {
    const box = outbox();
    expect([1, 2, 3, 4].map((message) => box.push(message))).toEqual([true, true, true, false]);
  });

  test('that has ended gives out what it accepted, and takes nothing', async () => {
    const box = outbox();
    box.push(1);
    box.push(2);
    const late = box.send(3);
    box.end();
    expect(await late).toBe(false);
    expect([box.push(4), await box.send(5), box.open]).toEqual([false, false, false]);
    expect(await drain(box)).toEqual([1, 2]);
  });

  test('that has failed drops what waits', async () => {
    const box = outbox();
    box.push(1);
    box.fail(new Error('gone'));
    await expect(box.next()).rejects.toThrow('gone');
  });

  test.each(['end', 'return', 'throw'] as const)('wakes a consumer that waits, and its producers, on %s', async (how) => {
    const box = outbox();
    const waiting = box.next();
    await box[how]();
    expect(await waiting).toEqual({ value: undefined, done: true });
    expect(await box.send(1)).toBe(false);
  });
});
