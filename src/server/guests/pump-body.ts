import type { ClientRequest } from 'node:http';
import type { Readable } from 'node:stream';
import type { Clock } from '../../lib/clock.ts';
import { SandglassError } from '../../model/errors.ts';
import { silentGuest } from './guest-errors.ts';

/** Bytes that may wait for the guest: with fewer, each piece that comes in would be waited for. */
const MAX_UNSENT_BYTES = 256 * 1024;
/** How long whoever sends a body may send nothing of it. */
const SOURCE_SILENCE_MS = 60_000;

/**
 * Sends `source` as the body of `request`, as fast as the guest reads it. Resolves when all has been handed over, or when the
 * request is over first; what is left of `source` is then read and dropped, so that whoever sends it sees the answer. A source that
 * brings nothing for a minute is destroyed.
 * @throws SandglassError `operation_cancelled` when `source` breaks off, `guest_unavailable` when the guest reads nothing for `stallMs`.
 */
export async function pumpBody(source: Readable, request: ClientRequest, clock: Clock, stallMs: number): Promise<void> {
  let answered = false;
  request.once('response', () => {
    answered = true;
  });
  const awaitSource = () => clock.schedule(SOURCE_SILENCE_MS, () => source.destroy());
  let cancelTimer = awaitSource();
  try {
    for await (const chunk of source.iterator({ destroyOnReturn: false })) {
      cancelTimer();
      if (answered || request.destroyed) return;
      if (!request.write(chunk) && request.writableLength >= MAX_UNSENT_BYTES) await drained(request, clock, stallMs);
      cancelTimer = awaitSource();
    }
    request.end();
  } catch (cause) {
    if (cause instanceof SandglassError) throw cause;
    throw new SandglassError('operation_cancelled', 'the body of the request broke off', { cause });
  } finally {
    cancelTimer();
    drop(source, awaitSource());
  }
}

function drop(source: Readable, cancelTimer: () => void): void {
  if (source.readableEnded || source.destroyed) cancelTimer();
  else source.once('close', cancelTimer).once('end', cancelTimer);
  source.on('error', () => {});
  source.resume();
}

/** Resolves when more can be written, or nothing needs to be any more. */
function drained(request: ClientRequest, clock: Clock, stallMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (error?: Error) => {
      cancelTimer();
      for (const event of EVENTS) request.off(event, onEvent);
      if (error === undefined) resolve();
      else reject(error);
    };
    const onEvent = () => settle();
    const cancelTimer = clock.schedule(stallMs, () => settle(silentGuest(stallMs)));
    for (const event of EVENTS) request.on(event, onEvent);
    if (request.destroyed) settle();
  });
}

const EVENTS = ['drain', 'response', 'close'] as const;
