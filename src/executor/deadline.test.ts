import { expect, test } from 'vitest';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { Deadline } from './deadline.ts';

test('strikes once when nothing has moved for the whole time', () => {
  const clock = new FakeClock();
  let struck = 0;
  const deadline = new Deadline(clock, 100, () => (struck += 1));
  clock.advance(60);
  deadline.extend();
  clock.advance(99);
  expect(struck).toBe(0);
  clock.advance(1);
  expect(struck).toBe(1);
  clock.advance(1000);
  expect(struck).toBe(1);
});

test('does not strike once cancelled', () => {
  const clock = new FakeClock();
  const deadline = new Deadline(clock, 100, () => expect.unreachable());
  deadline.cancel();
  expect(clock.scheduled).toEqual([]);
});
