import { beforeEach, expect, test } from 'vitest';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { idFromHex } from '../model/ids.ts';
import type { AttemptRef } from '../model/operation.ts';
import { ResultLog } from './result-log.ts';

const refOf = (n: number, attempt = 1): AttemptRef => ({ operationId: idFromHex('operation', String(n).padStart(32, '0')), attempt });
const DONE = { outcome: 'done' } as const;

let clock: FakeClock;
let log: ResultLog;
let sent: string[];
const send = ({ operationId, attempt }: AttemptRef) => sent.push(`${Number(operationId.slice(-4))}.${attempt}`);
beforeEach(() => {
  clock = new FakeClock();
  log = new ResultLog(clock);
  sent = [];
});

test('a result is sent at once, and on every new session until it is acknowledged', () => {
  log.attach(send);
  log.add(refOf(1), DONE);
  log.detach();
  log.add(refOf(2), DONE);
  expect(sent).toEqual(['1.1']);
  log.attach(send);
  expect(sent).toEqual(['1.1', '1.1', '2.1']);
  log.acknowledge(refOf(1));
  log.attach(send);
  expect(sent).toEqual(['1.1', '1.1', '2.1', '2.1']);
});

test('a result that is not acknowledged for long is repeated on the same session', () => {
  log.attach(send);
  log.add(refOf(1), DONE);
  log.add(refOf(2), DONE);
  log.acknowledge(refOf(2));
  clock.advance(9_999);
  log.repeatOverdue();
  expect(sent).toEqual(['1.1', '2.1']);
  clock.advance(1);
  log.repeatOverdue();
  log.repeatOverdue();
  expect(sent).toEqual(['1.1', '2.1', '1.1']);
});

test('an operation that comes again has its acknowledged result sent again', () => {
  log.attach(send);
  log.add(refOf(1), DONE);
  log.repeat(refOf(1).operationId); // is under way
  log.acknowledge(refOf(1));
  log.repeat(refOf(1).operationId);
  expect(sent).toEqual(['1.1', '1.1']);
});

test('an acknowledgement of another attempt does not count', () => {
  log.add(refOf(1, 2), DONE);
  log.acknowledge(refOf(1, 1));
  log.attach(send);
  expect(sent).toEqual(['1.2']);
  expect(log.finishedAttempt(refOf(1).operationId)).toBe(2);
});

test('a later attempt takes the place of an earlier one', () => {
  log.add(refOf(1, 1), DONE);
  log.acknowledge(refOf(1, 1));
  log.add(refOf(1, 2), DONE);
  log.attach(send);
  expect(sent).toEqual(['1.2']);
});

test('of those that are acknowledged a thousand are remembered; the others all are', () => {
  for (let n = 1; n <= 1500; n += 1) log.add(refOf(n), DONE);
  for (let n = 1; n <= 1400; n += 1) log.acknowledge(refOf(n));
  const remembered = Array.from({ length: 1500 }, (_, n) => n + 1).filter((n) => log.finishedAttempt(refOf(n).operationId) > 0);
  expect(remembered).toHaveLength(1100);
  expect(remembered[0]).toBe(401);
  log.attach(send);
  expect(sent).toHaveLength(100);
});
