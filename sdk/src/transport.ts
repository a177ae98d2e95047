import { errorOfResponse } from './error-answer.ts';
import { SandglassError } from './errors.ts';
import { type RetryPolicy, retryDelayMs } from './retry.ts';

/**
 * How a call that failed for the moment may be repeated.
 * - `safe`: as it is: reads, and writes that do the same when repeated.
 * - `keyed`: under an Idempotency-Key, by which the server does it only once.
 * - `never`: it could run twice.
 */
export type Repeatable = 'safe' | 'keyed' | 'never';

export interface Call {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** From the root of the server, percent-encoded. */
  readonly path: string;
  readonly query?: URLSearchParams | undefined;
  readonly body?: unknown;
  readonly accept?: 'application/json' | 'text/event-stream';
  /** Id of the last event received, to go on after it. */
  readonly lastEventId?: string | undefined;
  readonly repeatable: Repeatable;
  readonly signal?: AbortSignal | undefined;
}

export interface TransportOptions {
  /** Without a slash at the end. */
  readonly url: string;
  readonly apiKey?: string | undefined;
  readonly retry: RetryPolicy;
  readonly fetch: typeof fetch;
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

  #fetch({ method, path, query, body, signal }: Call, headers: Headers): Promise<Response> {
    const search = query?.toString() ? `?${query}` : '';
    return this.#options.fetch(`${this.#options.url}${path}${search}`, {
      method,
      headers,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(signal === undefined ? {} : { signal }),
    });
  }

  #headers(call: Call): Headers {
    const headers = new Headers({ accept: call.accept ?? 'application/json' });
    if (call.body !== undefined) headers.set('content-type', 'application/json');
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
