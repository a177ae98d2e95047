/**
 * Settles as `promise` does, or rejects with the signal's reason as soon as `signal` aborts, whichever comes first. It
 * ends the wait only, not the work. Leaves no listener behind.
 */
export function abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
  });
}

/**
 * The items of `source` until it ends.
 * @throws the signal's reason as soon as `signal` aborts, even while the source is silent.
 */
export async function* untilAborted<T>(source: AsyncIterable<T>, signal: AbortSignal): AsyncGenerator<T, void, undefined> {
  const iterator = source[Symbol.asyncIterator]();
  let ended = false;
  try {
    for (;;) {
      const next = await abortable(iterator.next(), signal);
      if (next.done) {
        ended = true;
        return;
      }
      yield next.value;
    }
  } finally {
    // A source that is still waiting answers `return` when it gets there; nobody is to wait for that.
    if (!ended) iterator.return?.()?.then(undefined, () => {});
  }
}
