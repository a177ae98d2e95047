import { expect, test } from 'vitest';
import { FakeClock } from '../../../test/support/fake-clock.ts';
import { encodeEvent, encodeEvents, type ServerEvent } from './event-stream.ts';

test('an event is its id, its name and its data on one line, whatever the data holds', () => {
  expect(encodeEvent({ event: 'stdout', data: { data: 'a\nb\r\n\n' } })).toBe('event: stdout\ndata: {"data":"a\\nb\\r\\n\\n"}\n\n');
  expect(encodeEvent({ event: 'snapshot', id: '7', data: 1 })).toBe('id: 7\nevent: snapshot\ndata: 1\n\n');
});

test('the stream opens at once, stays alive while its source is silent, and ends with it', async () => {
  const clock = new FakeClock();
  const next = Promise.withResolvers<void>();
  async function* source(): AsyncGenerator<ServerEvent> {
    await next.promise;
    yield { event: 'a', data: 1 };
  }
  const texts = encodeEvents(source(), clock);
  expect((await texts.next()).value).toBe(': open\n\n');
  for (const _ of [1, 2, 3]) {
    const text = texts.next();
    await new Promise((resolve) => setImmediate(resolve));
    clock.advance(15_000);
    expect((await text).value).toBe(': keepalive\n\n');
  }
  next.resolve();
  expect((await texts.next()).value).toBe('event: a\ndata: 1\n\n');
  expect((await texts.next()).done).toBe(true);
  expect(clock.scheduled).toEqual([]);
});

test('a source is asked for the next event only once the one before has been taken', async () => {
  let asked = 0;
  async function* source(): AsyncGenerator<ServerEvent> {
    for (;;) yield { event: 'a', data: ++asked };
  }
  const texts = encodeEvents(source(), new FakeClock());
  await texts.next();
  await texts.next();
  await new Promise((resolve) => setImmediate(resolve));
  expect(asked).toBe(1);
  await texts.return();
});
