import type { Clock } from '../../lib/clock.ts';

/** One event of a `text/event-stream` (WHATWG HTML, Server-sent events). `data` goes out as one line of JSON. */
export interface ServerEvent {
  readonly event: string;
  readonly id?: string;
  readonly data: unknown;
}

/** How long a stream may be silent: proxies give up connections that are. */
const KEEPALIVE_MS = 15_000;

export const EVENT_STREAM_HEADERS = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-store',
  // nginx keeps answers back otherwise.
  'x-accel-buffering': 'no',
} as const;

/**
 * `events` as text, with a comment at once, so that the client gets its headers, and whenever nothing else was sent for
 * 15 s. The next event is asked for once the one before has been taken: a slow client slows its source down.
 */
export async function* encodeEvents(events: AsyncIterable<ServerEvent>, clock: Clock): AsyncGenerator<string, void, undefined> {
  yield ': open\n\n';
  const iterator = events[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = iterator.next();
      while (await isSlow(next, clock)) yield ': keepalive\n\n';
      const { done, value } = await next;
      if (done) return;
      yield encodeEvent(value);
    }
  } finally {
    await iterator.return?.();
  }
}

export function encodeEvent({ event, id, data }: ServerEvent): string {
  const idLine = id === undefined ? '' : `id: ${id}\n`;
  return `${idLine}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}

/** True when `promise` has not settled after the longest silence. Never throws. */
function isSlow(promise: Promise<unknown>, clock: Clock): Promise<boolean> {
  return new Promise((resolve) => {
    const cancelTimer = clock.schedule(KEEPALIVE_MS, () => resolve(true));
    const settled = () => {
      cancelTimer();
      resolve(false);
    };
    promise.then(settled, settled);
  });
}
