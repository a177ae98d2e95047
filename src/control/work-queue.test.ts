import { describe, expect, it } from 'vitest';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { silentLogger } from '../lib/logger.ts';
import { WorkQueue } from './work-queue.ts';

/** A queue whose work ends when the test says so. */
function setUp({ concurrency = 2 } = {}) {
  const clock = new FakeClock();
  const started: string[] = [];
  const running = new Map<string, { finish(): void; fail(): void }>();
  let depth = 0;
  const queue = new WorkQueue({
    name: 'test',
    concurrency,
    backoff: { baseMs: 100, maxMs: 1000 },
    clock,
    random: () => 1,
    log: silentLogger,
    onDepth: (next) => {
      depth = next;
    },
    process: (key) => {
      started.push(key);
      return new Promise((resolve, reject) => running.set(key, { finish: resolve, fail: () => reject(new Error('on purpose')) }));
    },
  });
  const end = async (key: string, how: 'finish' | 'fail' = 'finish') => {
    running.get(key)?.[how]();
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { clock, queue, started, end, depth: () => depth };
}

describe('WorkQueue', () => {
  it('processes keys in order of arrival, as many at a time as it may', async () => {
    const { queue, started, end } = setUp();
    for (const key of ['a', 'b', 'c', 'd']) queue.add(key);
    expect(started).toEqual(['a', 'b']);
    await end('b');
    expect(started).toEqual(['a', 'b', 'c']);
  });

  it('holds a key once, however often it is added', async () => {
    const { queue, started, end, depth } = setUp({ concurrency: 1 });
    queue.add('busy');
    for (let i = 0; i < 1000; i++) queue.add('a');
    expect(depth()).toBe(2);
    await end('busy');
    await end('a');
    expect(started).toEqual(['busy', 'a']);
    expect(depth()).toBe(0);
  });

  it('processes a key again that was added while it was processed, and never twice at a time', async () => {
    const { queue, started, end } = setUp();
    queue.add('a');
    queue.add('a');
    queue.add('a');
    expect(started).toEqual(['a']);
    await end('a');
    expect(started).toEqual(['a', 'a']);
    await end('a');
    expect(started).toEqual(['a', 'a']);
  });

  it('tries a key that failed again after a wait that grows, and starts small again after a success', async () => {
    const { queue, started, end, clock } = setUp();
    const waits: number[] = [];
    queue.add('a');
    for (const how of ['fail', 'fail', 'fail', 'finish'] as const) {
      await end('a', how);
      const [next] = clock.scheduled;
      if (next !== undefined) waits.push(next - clock.now());
      clock.advance(next === undefined ? 0 : next - clock.now());
    }
    expect(waits).toEqual([100, 200, 400]);
    expect(started).toHaveLength(4);
    queue.add('a');
    await end('a', 'fail');
    expect((clock.scheduled[0] ?? 0) - clock.now()).toBe(100);
  });

  it('does not wait any longer for a failed key that is added', async () => {
    const { queue, started, end, clock } = setUp();
    queue.add('a');
    await end('a', 'fail');
    queue.add('a');
    expect(started).toEqual(['a', 'a']);
    expect(clock.scheduled).toEqual([]);
  });

  it('processes a key added for later when its time has come', () => {
    const { queue, started, clock } = setUp();
    queue.addLater('a', 500);
    clock.advance(499);
    expect(started).toEqual([]);
    clock.advance(1);
    expect(started).toEqual(['a']);
  });

  it('processes a key again at once when it is added for a time that has come while it is processed', async () => {
    const { queue, started, end, clock } = setUp();
    queue.add('a');
    queue.addLater('a', 0);
    expect(started).toEqual(['a']);
    await end('a');
    expect(started).toEqual(['a', 'a']);
    expect(clock.scheduled).toEqual([]);
  });

  it('closes when the work under way is done, and takes nothing more', async () => {
    const { queue, started, end, clock } = setUp({ concurrency: 1 });
    queue.add('a');
    queue.add('waiting');
    queue.addLater('later', 100);
    let closed = false;
    const closing = queue.close().then(() => {
      closed = true;
    });
    queue.add('late');
    clock.advance(1000);
    await new Promise((resolve) => setImmediate(resolve));
    expect(closed).toBe(false);
    await end('a', 'fail');
    await closing;
    expect(started).toEqual(['a']);
    expect(clock.scheduled).toEqual([]);
  });
});
