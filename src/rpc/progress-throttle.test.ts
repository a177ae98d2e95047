import { expect, test } from 'vitest';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { idFromHex } from '../model/ids.ts';
import { ProgressThrottle } from './progress-throttle.ts';

const refOf = (digit: string) => ({ operationId: idFromHex('operation', digit.repeat(32)), attempt: 1 });
const [A, B] = [refOf('a'), refOf('b')];
const at = (bytesDone: number) => ({ phase: 'pulling', bytesDone });

function start() {
  const clock = new FakeClock();
  const delivered: string[] = [];
  const throttle = new ProgressThrottle(clock, ({ operationId }, { bytesDone }) => delivered.push(`${operationId.at(-1)}${bytesDone}`));
  return { clock, delivered, throttle };
}

test('delivers the first report at once, then the latest of every 250 ms', () => {
  const { clock, delivered, throttle } = start();
  for (let n = 0; n < 1000; n += 1) {
    throttle.report(A, at(n));
    clock.advance(1);
  }
  expect(delivered).toEqual(['a0', 'a249', 'a499', 'a749', 'a999']);
});

test('keeps operations apart', () => {
  const { clock, delivered, throttle } = start();
  throttle.report(A, at(1));
  throttle.report(B, at(2));
  throttle.report(B, at(3));
  clock.advance(250);
  expect(delivered).toEqual(['a1', 'b2', 'b3']);
});

test('delivers nothing of an operation that has ended, and leaves no timer', () => {
  const { clock, delivered, throttle } = start();
  throttle.report(A, at(1));
  throttle.report(A, at(2));
  throttle.forget(A.operationId);
  throttle.report(B, at(3));
  throttle.stop();
  expect(clock.scheduled).toEqual([]);
  clock.advance(1000);
  expect(delivered).toEqual(['a1', 'b3']);
});

test('begins anew after a silence', () => {
  const { clock, delivered, throttle } = start();
  throttle.report(A, at(1));
  clock.advance(1000);
  throttle.report(A, at(2));
  expect(delivered).toEqual(['a1', 'a2']);
});
