import { once } from 'node:events';
import { type ClientHttp2Session, connect } from 'node:http2';
import { type Client, createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { type Clock, sleep } from '../lib/clock.ts';
import { SandglassError } from '../model/errors.ts';
import { ExecutorService } from '../rpc/gen/sandglass/v1/executor_pb.js';
import { CONNECTION_WINDOW_BYTES, STREAM_WINDOW_BYTES } from '../rpc/limits.ts';

export interface ConnectionOptions {
  /** `http://host:port`, or `https://…`. */
  readonly serverUrl: string;
  /** PEM text of the authority that the server's certificate is checked with, instead of the system's. */
  readonly ca?: string;
  readonly clock: Clock;
  readonly connectTimeoutMs: number;
}

export interface CallOptions {
  /** Largest message that is taken from the server. */
  readonly maxMessageBytes: number;
  /**
   * Called when a call is over for whatever reason, also while nobody reads what has come back: reading would notice only
   * then.
   */
  onClosed(): void;
}

/**
 * One HTTP/2 connection to the server. It is never revived: a session that ends takes its connection with it, and the
 * next one opens another. connect-node's own session manager reconnects by itself, and raised uncaught exceptions when it
 * did so on a link that had died.
 */
export class Connection {
  readonly #authority: string;
  readonly #http2: ClientHttp2Session;

  private constructor(authority: string, http2: ClientHttp2Session) {
    this.#authority = authority;
    this.#http2 = http2;
  }

  /** @throws SandglassError `executor_unavailable` when the server can't be reached in time; the signal's reason. */
  static async open({ serverUrl, ca, clock, connectTimeoutMs }: ConnectionOptions, signal: AbortSignal): Promise<Connection> {
    const authority = new URL(serverUrl).origin;
    const http2 = connect(authority, {
      ...(ca === undefined ? {} : { ca }),
      settings: { initialWindowSize: STREAM_WINDOW_BYTES, enablePush: false },
    });
    // Whoever uses the connection learns of its end from its streams; without a listener the process would die of it.
    http2.on('error', () => {});
    const done = new AbortController();
    try {
      await Promise.race([once(http2, 'connect', { signal: done.signal }), timeout(clock, connectTimeoutMs, done.signal, signal)]);
      http2.setLocalWindowSize(CONNECTION_WINDOW_BYTES);
      return new Connection(authority, http2);
    } catch (error) {
      http2.destroy();
      signal.throwIfAborted();
      const why = error instanceof Error ? error.message : String(error);
      throw new SandglassError('executor_unavailable', `the server at ${authority} can't be reached: ${why}`, { cause: error });
    } finally {
      done.abort();
    }
  }

  /** A client for calls on this connection. */
  client({ maxMessageBytes, onClosed }: CallOptions): Client<typeof ExecutorService> {
    const transport = createGrpcTransport({
      baseUrl: this.#authority,
      readMaxBytes: maxMessageBytes,
      acceptCompression: [],
      sessionManager: {
        authority: this.#authority,
        request: async (method, path, headers, options) => {
          const stream = this.#http2.request({ ...headers, ':method': method, ':path': path }, options);
          return stream.once('close', onClosed);
        },
        notifyResponseByteRead() {}, // nothing depends on it: sessions have heartbeats of their own
      },
    });
    return createClient(ExecutorService, transport);
  }

  /** Ends everything on it at once. */
  close(): void {
    this.#http2.destroy();
  }
}

async function timeout(clock: Clock, delayMs: number, done: AbortSignal, signal: AbortSignal): Promise<never> {
  await sleep(clock, delayMs, AbortSignal.any([done, signal]));
  throw new Error(`no answer within ${delayMs} ms`);
}
