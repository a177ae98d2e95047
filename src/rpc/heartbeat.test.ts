import { expect, test } from 'vitest';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { Heartbeat } from './heartbeat.ts';

function start() {
  const clock = new FakeClock();
  const seen = { beats: 0, silences: 0 };
  const heartbeat = new Heartbeat({
    clock,
    intervalMs: 100,
    beat: () => (seen.beats += 1),
    silent: () => (seen.silences += 1),
  });
  return { clock, heartbeat, seen };
}

test('beats every interval', () => {
  const { clock, heartbeat, seen } = start();
  for (let n = 0; n < 5; n += 1) {
    clock.advance(100);
    heartbeat.heard();
  }
  expect(seen).toEqual({ beats: 5, silences: 0 });
});

test('notices after three intervals that nothing was heard, once, and stops', () => {
  const { clock, heartbeat, seen } = start();
  clock.advance(250);
  heartbeat.heard();
  clock.advance(299);
  expect(seen.silences).toBe(0);
  clock.advance(1);
  expect(seen.silences).toBe(1);
  const { beats } = seen;
  heartbeat.heard();
  clock.advance(10_000);
  expect(seen).toEqual({ beats, silences: 1 });
});

test('leaves no timer when it is stopped', () => {
  const { clock, heartbeat } = start();
  clock.advance(150);
  heartbeat.stop();
  expect(clock.scheduled).toEqual([]);
});
