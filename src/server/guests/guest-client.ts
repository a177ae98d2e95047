import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import { Readable } from 'node:stream';
import {
  create,
  type DescMethodClientStreaming,
  type DescMethodServerStreaming,
  type DescMethodUnary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import type { Clock } from '../../lib/clock.ts';
import { decodeFailure, decodeMessage, decodeStreamEnd } from './decode-answer.ts';
import { encodeEnvelope, readBounded, readEnvelopes } from './envelopes.ts';
import type { GuestAgent } from './guest-agent.ts';
import { lostGuest, malformedAnswer, REASON_HEADER, silentGuest } from './guest-errors.ts';
import { type Exchange, type GuestRequest, sendRequest } from './guest-request.ts';
import { MessageStream } from './message-stream.ts';

/** How much a guest may take. Times in milliseconds. */
export interface GuestLimits {
  /** Until an answer begins, and until all of it is there where it is one message. */
  readonly answerMs: number;
  /** How often a guest is asked to say that it is still there, on streams. */
  readonly keepaliveMs: number;
  /** Bytes of an answer that is one message, unless a call says otherwise. */
  readonly unaryBytes: number;
  /** Bytes of one message of a stream. */
  readonly messageBytes: number;
}

export const GUEST_LIMITS: GuestLimits = {
  answerMs: 30_000,
  keepaliveMs: 10_000,
  unaryBytes: 1024 * 1024,
  messageBytes: 4 * 1024 * 1024,
};

/** Keepalives that may be missed before a guest counts as gone. */
const MISSED_KEEPALIVES = 3;
const MAX_ERROR_BYTES = 64 * 1024;

export interface CallOptions {
  readonly signal: AbortSignal;
  /** Who does it, in the sandbox; without it, the sandbox's own user. */
  readonly user?: string | undefined;
  readonly headers?: OutgoingHttpHeaders;
}

interface UnaryOptions extends CallOptions {
  /** True: nothing changes when it is done twice. */
  readonly repeatable?: boolean;
  readonly maxBytes?: number;
  /** True: the answer may take for ever, because it waits for what a process does. */
  readonly patient?: boolean;
}

export interface GuestClientOptions {
  readonly agent: GuestAgent;
  readonly clock: Clock;
  readonly limits: GuestLimits;
  /** Whether the sandbox is frozen: then its guest's silence says nothing. */
  readonly isFrozen: () => Promise<boolean>;
}

/**
 * Speaks to the guest of one sandbox, which may be anything: whoever controls the sandbox controls its guest. What it answers
 * is bounded in size and time here, and checked by those who ask. Every method throws SandglassError: `guest_unavailable`,
 * what the guest says went wrong, what the link throws, or the signal's reason.
 */
export class GuestClient {
  readonly #options: GuestClientOptions;

  constructor(options: GuestClientOptions) {
    this.#options = options;
  }

  /** A call with one message each way. */
  async unary<I extends DescMethodUnary>(
    method: I,
    input: MessageInitShape<I['input']>,
    { signal, user, headers, repeatable = false, maxBytes, patient = false }: UnaryOptions,
  ): Promise<MessageShape<I['output']>> {
    const { clock, limits } = this.#options;
    const late = new AbortController();
    const cancelTimer = patient ? () => {} : clock.schedule(limits.answerMs, () => late.abort(silentGuest(limits.answerMs)));
    const either = AbortSignal.any([signal, late.signal]);
    try {
      const { response, abandon } = await this.#send(
        {
          method: 'POST',
          path: pathOf(method),
          headers: { ...headers, ...authorization(user), 'content-type': 'application/proto', 'connect-protocol-version': '1' },
          body: toBinary(method.input, create(method.input, input)),
          repeatable,
          answerWithinMs: undefined,
        },
        either,
      );
      try {
        const { statusCode = 0, headers: answered } = response;
        const isAnswer = statusCode === 200;
        if (isAnswer && answered['content-type'] !== 'application/proto') throw malformedAnswer('it is no protobuf');
        const bytes = await readBounded(response, isAnswer ? (maxBytes ?? limits.unaryBytes) : MAX_ERROR_BYTES);
        if (!isAnswer) throw decodeFailure(statusCode, answered[REASON_HEADER], bytes);
        return decodeMessage(method.output, bytes) as MessageShape<I['output']>;
      } finally {
        abandon();
      }
    } catch (error) {
      throw either.aborted ? either.reason : lostGuest(error);
    } finally {
      cancelTimer();
    }
  }

  /** A call that is answered with any number of messages. Close the stream when no more of it is wanted. */
  async stream<I extends DescMethodServerStreaming>(
    method: I,
    input: MessageInitShape<I['input']>,
    options: CallOptions,
  ): Promise<MessageStream<MessageShape<I['output']>>> {
    const { clock, limits, isFrozen } = this.#options;
    const body = encodeEnvelope(toBinary(method.input, create(method.input, input)));
    const exchange = await this.#openStream(method, body, options, limits.answerMs);
    return new MessageStream({
      exchange,
      decode: (bytes) => decodeMessage(method.output, bytes) as MessageShape<I['output']>,
      maxBytes: limits.messageBytes,
      silenceMs: MISSED_KEEPALIVES * limits.keepaliveMs,
      clock,
      isFrozen,
      signal: options.signal,
    });
  }

  /** A call with any number of messages that is answered with one, once the guest has taken them all. */
  async send<I extends DescMethodClientStreaming>(
    method: I,
    messages: AsyncIterable<MessageInitShape<I['input']>>,
    options: CallOptions,
  ): Promise<void> {
    const encoded = async function* () {
      for await (const message of messages) yield encodeEnvelope(toBinary(method.input, create(method.input, message)));
    };
    const { response, abandon } = await this.#openStream(method, Readable.from(encoded(), { objectMode: false }), options, undefined);
    try {
      for await (const { isEnd, bytes } of readEnvelopes(response, this.#options.limits.unaryBytes)) {
        const error = isEnd ? decodeStreamEnd(bytes) : undefined;
        if (error !== undefined) throw error;
      }
    } catch (error) {
      throw options.signal.aborted ? options.signal.reason : lostGuest(error);
    } finally {
      abandon();
    }
  }

  /**
   * A request in plain HTTP that succeeds with one of `statuses`.
   * @throws what the guest says in its answer, when it has another status.
   */
  async http(
    request: Omit<GuestRequest, 'stallMs' | 'answerWithinMs'>,
    statuses: readonly number[],
    signal: AbortSignal,
  ): Promise<Exchange> {
    const exchange = await this.#send({ ...request, answerWithinMs: this.#options.limits.answerMs }, signal);
    const { statusCode = 0, headers } = exchange.response;
    if (statuses.includes(statusCode)) return exchange;
    try {
      throw decodeFailure(statusCode, headers[REASON_HEADER], await readBounded(exchange.response, MAX_ERROR_BYTES));
    } catch (error) {
      throw signal.aborted ? signal.reason : lostGuest(error);
    } finally {
      exchange.abandon();
    }
  }

  /**
   * The bytes of an answer as they come. A guest that is silent while somebody waits for them has the stream end with an error.
   * @returns `response` itself: nothing is copied on the way.
   */
  untilSilent(response: IncomingMessage): IncomingMessage {
    const { clock, limits, isFrozen } = this.#options;
    let cancelTimer = () => {};
    let isActive = true;
    const watch = () => {
      cancelTimer = clock.schedule(limits.answerMs, () => void check().catch((error: Error) => response.destroy(error)));
    };
    const check = async () => {
      const isWaiting = !isActive && response.readableLength === 0 && response.readableFlowing === true;
      isActive = false;
      if (isWaiting && !(await isFrozen())) response.destroy(silentGuest(limits.answerMs));
      if (!response.destroyed) watch();
    };
    response.on('close', () => cancelTimer());
    response.on('data', () => {
      isActive = true;
    });
    response.pause(); // until somebody reads it
    watch();
    return response;
  }

  async #openStream(
    method: DescMethodServerStreaming | DescMethodClientStreaming,
    body: Uint8Array | Readable,
    { signal, user, headers }: CallOptions,
    answerWithinMs: number | undefined,
  ): Promise<Exchange> {
    const exchange = await this.#send(
      {
        method: 'POST',
        path: pathOf(method),
        headers: {
          ...headers,
          ...authorization(user),
          'content-type': 'application/connect+proto',
          'connect-protocol-version': '1',
          'keepalive-ping-interval': String(this.#options.limits.keepaliveMs / 1000),
        },
        body,
        repeatable: false,
        answerWithinMs,
      },
      signal,
    );
    const { statusCode = 0, headers: answered } = exchange.response;
    if (statusCode === 200 && answered['content-type'] === 'application/connect+proto') return exchange;
    exchange.abandon();
    throw malformedAnswer(`a stream with status ${statusCode}`);
  }

  #send(request: Omit<GuestRequest, 'stallMs'>, signal: AbortSignal): Promise<Exchange> {
    const { agent, clock, limits } = this.#options;
    return sendRequest(agent, { ...request, stallMs: limits.answerMs }, clock, signal);
  }
}

function pathOf({ parent, name }: { readonly parent: { readonly typeName: string }; readonly name: string }): string {
  return `/${parent.typeName}/${name}`;
}

/** The protocol names a user with a name and no password. */
function authorization(user: string | undefined): OutgoingHttpHeaders {
  return user === undefined ? {} : { authorization: `Basic ${Buffer.from(`${user}:`).toString('base64')}` };
}
