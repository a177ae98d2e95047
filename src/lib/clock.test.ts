import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { sleep, systemClock } from './clock.ts';

const DAY_MS = 86_400_000;

beforeEach(() => {
  vi.useFakeTimers({ now: 1_700_000_000_000 });
});
afterEach(() => {
  vi.useRealTimers();
});

describe('the system clock', () => {
  it('calls back once, after the delay', () => {
    const callback = vi.fn();
    systemClock.schedule(1_000, callback);
    vi.advanceTimersByTime(999);
    expect(callback).not.toHaveBeenCalled();
    vi.advanceTimersByTime(10 * DAY_MS);
    expect(callback).toHaveBeenCalledOnce();
  });

  it('takes a delay in the past as none', () => {
    const callback = vi.fn();
    systemClock.schedule(-5, callback);
    vi.advanceTimersByTime(1);
    expect(callback).toHaveBeenCalledOnce();
  });

  it('is not early after more than the 24 days that one timer can wait', () => {
    const callback = vi.fn();
    systemClock.schedule(60 * DAY_MS, callback);
    vi.advanceTimersByTime(60 * DAY_MS - 1);
    expect(callback).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    expect(callback).toHaveBeenCalledOnce();
  });

  it('does not call back what was cancelled, also after 24 days', () => {
    const callback = vi.fn();
    const cancels = [systemClock.schedule(1_000, callback), systemClock.schedule(60 * DAY_MS, callback)];
    cancels[0]?.();
    vi.advanceTimersByTime(30 * DAY_MS);
    cancels[1]?.();
    vi.advanceTimersByTime(60 * DAY_MS);
    expect(callback).not.toHaveBeenCalled();
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('sleep', () => {
  it('resolves after the delay, and no earlier', async () => {
    const done = vi.fn();
    const sleeping = sleep(systemClock, 1_000).then(done);
    await vi.advanceTimersByTimeAsync(999);
    expect(done).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(1);
    await sleeping;
    expect(done).toHaveBeenCalledOnce();
  });

  it('rejects with the reason as soon as its signal aborts, and leaves no timer behind', async () => {
    const abort = new AbortController();
    const sleeping = sleep(systemClock, 1_000, abort.signal);
    const reason = new Error('closing');
    abort.abort(reason);
    await expect(sleeping).rejects.toBe(reason);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('rejects at once when its signal has aborted already, and starts no timer', async () => {
    const reason = new Error('closing');
    await expect(sleep(systemClock, 1_000, AbortSignal.abort(reason))).rejects.toBe(reason);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('leaves no listener on the signal', async () => {
    const { signal } = new AbortController();
    const added = vi.spyOn(signal, 'addEventListener');
    const removed = vi.spyOn(signal, 'removeEventListener');
    const sleeping = sleep(systemClock, 1_000, signal);
    await vi.advanceTimersByTimeAsync(1_000);
    await sleeping;
    expect(removed.mock.calls.map(([type, listener]) => [type, listener])).toEqual(
      added.mock.calls.map(([type, listener]) => [type, listener]),
    );
  });
});
