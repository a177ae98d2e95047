import { encodeBase64Url } from './base64.ts';
import { errorOfResponse } from './error-answer.ts';
import { SandglassError } from './errors.ts';
import { type RetryPolicy, retryDelayMs } from './retry.ts';
import { globalWebSocket, Socket, type WebSocketClass } from './socket.ts';

/**
 * How a call that failed for the moment may be repeated.
 * - `safe`: as it is: reads, and writes that do the same when repeated.
 * - `keyed`: under an Idempotency-Key, by which the server does it only once.
 * - `never`: it could run twice.
 */
export type Repeatable = 'safe' | 'keyed' | 'never';

/** What `fetch` can send. */
export type BodyContent = NonNullable<RequestInit['body']>;

/** A body that is not JSON. */
export interface RawBody {
  readonly type: string;
  readonly content: BodyContent;
}

export interface Call {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** From the root of the server, percent-encoded. */
  readonly path: string;
  readonly query?: URLSearchParams | undefined;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Sent as it is, instead of `body`. A stream can be sent once only: such a call is `never` repeated. */
  readonly raw?: RawBody | undefined;
  readonly accept?: 'application/json' | 'text/event-stream' | '*/*';
  /** Bytes to answer with, as a Range header says it. */
  readonly range?: string | undefined;
  /** Id of the last event received, to go on after it. */
  readonly lastEventId?: string | undefined;
  readonly repeatable: Repeatable;
  readonly signal?: AbortSignal | undefined;
}

export interface SocketCall extends Pick<Call, 'path' | 'query' | 'signal'> {
  /** The subprotocol that is spoken. */
  readonly protocol: string;
}

export interface TransportOptions {
  /** Without a slash at the end. */
  readonly url: string;
  readonly apiKey?: string | undefined;
  readonly retry: RetryPolicy;
  readonly fetch: typeof fetch;
  /** Absent where the platform has none. */
  readonly webSocket?: WebSocketClass | undefined;
  readonly sleep: (delayMs: number, signal?: AbortSignal) => Promise<void>;
  /** In [0, 1). */
  readonly random: () => number;
  /** Epoch milliseconds. */
  readonly now: () => number;
}

/** Carries calls to one server: headers, errors, and repetition of what may be repeated. */
export class Transport {
  readonly #options: TransportOptions;

  constructor(options: TransportOptions) {
    this.#options = options;
  }

  /** The answer's JSON and its status. @throws SandglassError; the signal's reason when aborted. */
  json<T>(call: Call): Promise<{ readonly status: number; readonly body: T }> {
    return this.#repeat(call, async (response) => {
      if (!response.ok) throw await errorOfResponse(response, this.#options.now());
      return { status: response.status, body: await this.#parse<T>(response) };
    });
  }

  /** The answer's JSON, with 503 as an answer like any other: probes tell their news by it. */
  probe<T>(call: Call): Promise<T> {
    return this.#repeat(call, async (response) => {
      if (!response.ok && response.status !== 503) throw await errorOfResponse(response, this.#options.now());
      return this.#parse<T>(response);
    });
  }

  /** The body of an answer that is an event stream. @throws SandglassError `stream_unavailable` when it is something else. */
  stream(call: Call): Promise<ReadableStream<Uint8Array>> {
    return this.#repeat({ ...call, accept: 'text/event-stream' }, async (response) => {
      if (!response.ok) throw await errorOfResponse(response, this.#options.now());
      if (response.body !== null && response.headers.get('content-type')?.startsWith('text/event-stream')) return response.body;
      await response.body?.cancel();
      const type = response.headers.get('content-type') ?? 'nothing';
      throw new SandglassError('unavailable', 'stream_unavailable', `expected an event stream from ${this.#options.url}, got ${type}`);
    });
  }

  /** An answer that carries bytes, with its body still to be read. @throws SandglassError; the signal's reason when aborted. */
  bytes(call: Call): Promise<Response> {
    return this.#repeat({ ...call, accept: '*/*' }, async (response) => {
      if (!response.ok) throw await errorOfResponse(response, this.#options.now());
      return response;
    });
  }

  /** A call whose answer says no more than that it is done. @throws SandglassError; the signal's reason when aborted. */
  done(call: Call): Promise<void> {
    return this.#repeat(call, async (response) => {
      if (!response.ok) throw await errorOfResponse(response, this.#options.now());
      await response.body?.cancel();
    });
  }

  /**
   * A WebSocket to `path`. The key travels as a subprotocol: browsers can set no header, and a URL ends up in logs.
   * @throws SandglassError `websocket_unavailable` on a platform without; `unreachable`; the signal's reason when aborted.
   */
  socket({ path, query, protocol, signal }: SocketCall): Promise<Socket> {
    const { url, apiKey, webSocket = globalWebSocket() } = this.#options;
    const protocols = apiKey === undefined ? [protocol] : [protocol, `sandglass.bearer.${encodeBase64Url(apiKey)}`];
    const search = query?.toString() ? `?${query}` : '';
    return Socket.open(webSocket, `${url.replace(/^http/, 'ws')}${path}${search}`, protocols, signal);
  }

  /** The URL of `path` on this server, for other clients. It carries no key. */
  urlOf(path: string): string {
    return `${this.#options.url}${path}`;
  }

  async #repeat<T>(call: Call, read: (response: Response) => Promise<T>): Promise<T> {
    const { retry, random, sleep } = this.#options;
    const headers = this.#headers(call);
    for (let attempt = 1; ; attempt++) {
      try {
        return await read(await this.#fetch(call, headers));
      } catch (thrown) {
        if (call.signal?.aborted) throw call.signal.reason;
        const error = thrown instanceof SandglassError ? thrown : this.#unreachable(thrown);
        const delayMs = call.repeatable === 'never' ? undefined : retryDelayMs(retry, attempt, error, random());
        if (delayMs === undefined) throw error;
        await sleep(delayMs, call.signal);
      }
    }
  }

  #fetch({ method, path, query, body, raw, signal }: Call, headers: Headers): Promise<Response> {
    const search = query?.toString() ? `?${query}` : '';
    const init: RequestInit & { duplex?: 'half' } = {
      method,
      headers,
      ...(raw !== undefined ? { body: raw.content } : body !== undefined && { body: JSON.stringify(body) }),
      // What the platforms ask for before they send a body of unknown length.
      ...(raw?.content instanceof ReadableStream && { duplex: 'half' }),
      ...(signal !== undefined && { signal }),
    };
    return this.#options.fetch(`${this.#options.url}${path}${search}`, init);
  }

  #headers(call: Call): Headers {
    const headers = new Headers({ accept: call.accept ?? 'application/json' });
    if (call.raw !== undefined) headers.set('content-type', call.raw.type);
    else if (call.body !== undefined) headers.set('content-type', 'application/json');
    // Bytes are taken as they are: compressing what is on the same machine costs more than it saves. Browsers decide for themselves.
    if (call.accept === '*/*') headers.set('accept-encoding', 'identity');
    if (call.range !== undefined) headers.set('range', call.range);
    if (call.repeatable === 'keyed') headers.set('idempotency-key', randomKey());
    if (call.lastEventId !== undefined) headers.set('last-event-id', call.lastEventId);
    if (this.#options.apiKey !== undefined) headers.set('authorization', `Bearer ${this.#options.apiKey}`);
    return headers;
  }

  async #parse<T>(response: Response): Promise<T> {
    const text = await response.text();
    try {
      return JSON.parse(text) as T;
    } catch (cause) {
      const message = `the answer of ${this.#options.url} is not JSON: is it a Sandglass server?`;
      throw new SandglassError('unknown', 'unexpected_answer', message, { status: response.status, cause });
    }
  }

  #unreachable(cause: unknown): SandglassError {
    return new SandglassError('unavailable', 'unreachable', `cannot reach ${this.#options.url}${describe(cause)}`, { cause });
  }
}

/** What a failed `fetch` says beyond "fetch failed": Node hides the reason in `cause`, or in a list of causes, one per address. */
function describe(thrown: unknown): string {
  const cause = (thrown as { cause?: unknown } | null)?.cause ?? thrown;
  const { message, code } = cause as { message?: string; code?: string };
  const text = message !== undefined && message !== '' ? message : code;
  return text === undefined || text === '' ? '' : `: ${text}`;
}

/** 128 random bits. Not `crypto.randomUUID`, which browsers offer to pages from https and localhost only. */
function randomKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
