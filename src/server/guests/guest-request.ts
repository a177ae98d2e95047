import http, { type IncomingMessage, type OutgoingHttpHeaders } from 'node:http';
import type { Readable } from 'node:stream';
import type { Clock } from '../../lib/clock.ts';
import type { GuestAgent } from './guest-agent.ts';
import { lostGuest, malformedAnswer, silentGuest } from './guest-errors.ts';
import { pumpBody } from './pump-body.ts';

/** Bytes of the status line and all headers of an answer. */
const MAX_HEADER_BYTES = 16 * 1024;

export interface GuestRequest {
  readonly method: 'GET' | 'POST';
  /** With its query. */
  readonly path: string;
  readonly headers: OutgoingHttpHeaders;
  readonly body?: Uint8Array | Readable;
  /** True: it can be repeated without harm, should the connection turn out to be dead. */
  readonly repeatable: boolean;
  /** How long the answer may take to begin, from when the request has been sent; undefined: for ever. */
  readonly answerWithinMs: number | undefined;
  /** How long the guest may leave a streamed body unread. */
  readonly stallMs: number;
}

export interface Exchange {
  readonly response: IncomingMessage;
  /** Gives the rest of the answer up. Does nothing to one that is complete. */
  abandon(): void;
}

/**
 * Sends a request, and resolves once the headers of its answer have come. The body of the answer is the caller's to bound.
 * When `signal` aborts, now or while the answer is read, the connection is closed.
 * @throws SandglassError `guest_unavailable`; what the agent's `connect` throws; the signal's reason.
 */
export async function sendRequest(agent: GuestAgent, request: GuestRequest, clock: Clock, signal: AbortSignal): Promise<Exchange> {
  signal.throwIfAborted();
  const first = new Attempt(agent, request, clock, signal);
  try {
    return await first.answered;
  } catch (error) {
    if (!request.repeatable || !first.diedUnused || signal.aborted) throw error;
    agent.closeIdle(); // where one was dead, the others may be
    return new Attempt(agent, request, clock, signal).answered;
  }
}

class Attempt {
  readonly answered: Promise<Exchange>;
  #died = false;
  readonly #request: http.ClientRequest;

  constructor(
    agent: GuestAgent,
    { method, path, headers, body, answerWithinMs, stallMs }: GuestRequest,
    clock: Clock,
    signal: AbortSignal,
  ) {
    const { promise, resolve, reject } = Promise.withResolvers<Exchange>();
    this.answered = promise;
    const request = http.request({ agent, method, path, headers, host: 'guest', maxHeaderSize: MAX_HEADER_BYTES });
    this.#request = request;
    let cancelTimer = () => {};
    const fail = (error: unknown) => {
      reject(error);
      request.destroy();
    };
    const onAbort = () => fail(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    const awaitAnswer = () => {
      if (answerWithinMs !== undefined) cancelTimer = clock.schedule(answerWithinMs, () => fail(silentGuest(answerWithinMs)));
    };

    request.on('response', (response) => {
      cancelTimer();
      response.on('error', () => {}); // whoever reads it hears of it too
      const destroy = response.destroy.bind(response);
      response.destroy = (error) => destroy(error && lostGuest(error)); // and in our words
      const abandon = () => {
        if (!response.complete || !request.writableEnded) request.destroy();
      };
      resolve({ response, abandon });
    });
    request.on('upgrade', (_response, stream) => {
      stream.destroy();
      fail(malformedAnswer('it changed the protocol unasked'));
    });
    request.on('error', (error) => {
      this.#died = true;
      reject(lostGuest(error));
    });
    request.on('close', () => {
      cancelTimer();
      signal.removeEventListener('abort', onAbort);
      reject(lostGuest(new Error('closed')));
    });

    if (body === undefined || body instanceof Uint8Array) {
      awaitAnswer();
      request.end(body);
    } else {
      request.once('finish', awaitAnswer);
      pumpBody(body, request, clock, stallMs).catch(fail);
    }
  }

  /** The connection had been used before, and ended before anything of the answer had come. */
  get diedUnused(): boolean {
    return this.#died && this.#request.reusedSocket;
  }
}
