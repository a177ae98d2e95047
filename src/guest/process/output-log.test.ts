import { expect, test } from 'vitest';
import type { OutputStream } from './launched.ts';
import { OutputBudget } from './output-budget.ts';
import { OutputLog, type OutputReader } from './output-log.ts';

const MIB = 1024 * 1024;
const makeLog = (budget = new OutputBudget(16 * MIB)) => new OutputLog(budget, () => {});
const print = (log: OutputLog, text: string, stream: OutputStream = 'stdout') => log.append(stream, Buffer.from(text));

/** All that a reader can read now, as `stream:text`, neighbours joined. */
function readAll(reader: OutputReader): string[] {
  const parts: { stream: string; text: string }[] = [];
  for (let chunk = reader.peek(); chunk !== undefined; chunk = reader.peek()) {
    const text = Buffer.from(chunk.bytes).toString();
    const last = parts.at(-1);
    if (last?.stream === chunk.stream) last.text += text;
    else parts.push({ stream: chunk.stream, text });
    reader.pass(chunk);
  }
  return parts.map(({ stream, text }) => `${stream}:${text}`);
}

test('output is read in its order, by stream', () => {
  const log = makeLog();
  print(log, 'one ');
  print(log, 'two');
  print(log, 'three', 'stderr');
  print(log, 'four');
  expect(readAll(log.read(0))).toEqual(['stdout:one two', 'stderr:three', 'stdout:four']);
});

test('a reader without an offset gets what nobody has passed', () => {
  const log = makeLog();
  print(log, 'one');
  const first = log.read();
  expect(readAll(first)).toEqual(['stdout:one']);
  first.close();
  print(log, 'two');
  expect(readAll(log.read())).toEqual(['stdout:two']);
  expect(readAll(log.read(1))).toEqual(['stdout:netwo']);
});

test('what was looked at and not passed is there for the next one', () => {
  const log = makeLog();
  print(log, 'one');
  const first = log.read();
  expect(first.peek()).toBeDefined();
  first.close();
  expect(readAll(log.read())).toEqual(['stdout:one']);
});

test('a chunk stays as it is while more is printed', () => {
  const log = makeLog();
  print(log, 'abc');
  const chunk = log.read(0).peek();
  for (let n = 0; n < 1000; n++) print(log, 'more and more');
  expect(Buffer.from(chunk?.bytes ?? []).toString()).toBe('abc');
});

test('unattended, at least the last 256 KiB of large outputs are kept, and little more', () => {
  const log = makeLog();
  for (let n = 0; n < 100; n++) log.append('stdout', Buffer.alloc(64 * 1024, n));
  expect(log.end).toBe(100 * 64 * 1024);
  expect(log.end - log.start).toBe(256 * 1024);
  expect(log.read(0).position).toBe(log.start);
});

test('output by single bytes costs no more than its bound, on one stream or on two', () => {
  for (const streams of [['stdout'], ['stdout', 'stderr']] as const) {
    const log = makeLog();
    for (let n = 0; n < 500_000; n++) log.append(streams[n % streams.length] ?? 'stdout', Buffer.of(n));
    expect(log.cost).toBeLessThanOrEqual(320 * 1024);
    expect(log.end - log.start).toBeGreaterThan(1000);
  }
});

test('with a reader nothing that it needs is dropped, and the log says when it is full', () => {
  const log = makeLog();
  const reader = log.read();
  let appended = 0;
  while (!log.isFull) {
    log.append('stdout', Buffer.alloc(1000, 'x'));
    appended += 1000;
  }
  expect(appended).toBe(132_000);
  expect(readAll(reader)).toEqual([`stdout:${'x'.repeat(appended)}`]);
  expect(log.isFull).toBe(false);
});

test('the slowest reader counts, until it is closed', () => {
  const log = makeLog();
  const [slow, fast] = [log.read(), log.read()];
  log.append('stdout', Buffer.alloc(200_000));
  readAll(fast);
  expect(log.isFull).toBe(true);
  slow.close();
  expect(log.isFull).toBe(false);
});

test('all logs together keep no more than the budget: the largest gives way', () => {
  const budget = new OutputBudget(MIB);
  const small = makeLog(budget);
  print(small, 'small');
  const large = Array.from({ length: 20 }, () => makeLog(budget));
  for (const log of large) for (let n = 0; n < 10; n++) log.append('stdout', Buffer.alloc(32 * 1024));
  const total = large.reduce((sum, log) => sum + log.cost, small.cost);
  expect(total).toBeLessThanOrEqual(MIB);
  expect(readAll(small.read(0))).toEqual(['stdout:small']);
});

test('when readers need more than the budget, less is enough to be full', () => {
  const budget = new OutputBudget(MIB);
  const logs = Array.from({ length: 20 }, () => makeLog(budget));
  for (const log of logs) {
    log.read();
    log.append('stdout', Buffer.alloc(60_000));
  }
  expect(logs.every((log) => log.isFull)).toBe(true);
});

test('a dropped log frees its share', () => {
  const budget = new OutputBudget(MIB);
  const log = makeLog(budget);
  log.read();
  log.append('stdout', Buffer.alloc(2 * MIB));
  expect(budget.isSpent).toBe(true);
  log.drop();
  expect(budget.isSpent).toBe(false);
});
