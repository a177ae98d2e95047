import { SandglassError } from './errors.ts';

/** What is needed of a WebSocket: that of browsers, of Node from 22 on, and of the package `ws`. */
export interface WebSocketLike {
  binaryType: string;
  readonly readyState: number;
  /** Bytes that wait to be sent. */
  readonly bufferedAmount: number;
  send(data: string | Uint8Array<ArrayBuffer>): void;
  close(code?: number, reason?: string): void;
  addEventListener(type: 'open' | 'error', listener: (event: { readonly message?: string; readonly error?: unknown }) => void): void;
  addEventListener(type: 'message', listener: (event: { readonly data: unknown }) => void): void;
  addEventListener(type: 'close', listener: (event: { readonly code: number; readonly reason: string }) => void): void;
  /** Stops reading from the connection. Only `ws` can. */
  pause?(): void;
  resume?(): void;
}

export type WebSocketClass = new (url: string, protocols: string[]) => WebSocketLike;

const OPEN = 1;
/** Received bytes that nobody has read yet, from which on the sender is told to wait. */
const PAUSE_BYTES = 1024 * 1024;
/** Where it can't be told: the most that is kept. */
const MAX_UNREAD_BYTES = 64 * 1024 * 1024;
/** Bytes that wait to be sent, from which on whoever sends has to wait. */
const MAX_UNSENT_BYTES = 1024 * 1024;
const UNSENT_POLL_MS = 2;
/** Normal closure. @see RFC 6455, section 7.4.1. */
const NORMAL = 1000;

/** @throws SandglassError `websocket_unavailable`. */
export function globalWebSocket(): WebSocketClass {
  const { WebSocket } = globalThis as { WebSocket?: WebSocketClass };
  if (WebSocket !== undefined) return WebSocket;
  const message =
    'terminals and connections to ports need a WebSocket: use Node 22 or later, or pass the one of the package `ws` as `webSocket`';
  throw new SandglassError('unimplemented', 'websocket_unavailable', message);
}

/** A WebSocket as a stream of messages that can be read at leisure: whoever sends too fast is told to wait. */
export class Socket implements AsyncIterable<string | Uint8Array> {
  readonly #socket: WebSocketLike;
  readonly #unread: (string | Uint8Array)[] = [];
  #unreadBytes = 0;
  #paused = false;
  #ended = false;
  #error: unknown;
  #wake = () => {};

  /** @throws SandglassError `unreachable` when no connection comes about; the signal's reason when aborted. */
  static open(WebSocket: WebSocketClass, url: string, protocols: string[], signal?: AbortSignal): Promise<Socket> {
    signal?.throwIfAborted();
    return new Promise((resolve, reject) => {
      const inner = new WebSocket(url, protocols);
      const socket = new Socket(inner);
      const abort = () => socket.#drop(signal?.reason);
      signal?.addEventListener('abort', abort, { once: true });
      let isOpen = false;
      inner.addEventListener('open', () => {
        isOpen = true;
        resolve(socket);
      });
      // Later errors say no more than the closing that follows them.
      inner.addEventListener('error', ({ message, error }) => {
        if (isOpen) return;
        // A WebSocket that can tell what the server has answered tells it by this.
        socket.#fail(error instanceof SandglassError ? error : new SandglassError('unavailable', 'unreachable', refusal(url, message)));
      });
      inner.addEventListener('close', () => {
        signal?.removeEventListener('abort', abort);
        reject(socket.#error);
      });
    });
  }

  private constructor(socket: WebSocketLike) {
    this.#socket = socket;
    socket.binaryType = 'arraybuffer';
    socket.addEventListener('message', ({ data }) => this.#receive(typeof data === 'string' ? data : new Uint8Array(data as ArrayBuffer)));
    socket.addEventListener('close', ({ code, reason }) => {
      if (code === NORMAL) this.#end();
      else this.#fail(broken(code, reason));
    });
  }

  /**
   * Sends a message; resolves when another one may follow without piling up.
   * @throws SandglassError `stream_ended` when the connection is closed.
   */
  async send(message: string | Uint8Array): Promise<void> {
    if (this.#socket.readyState !== OPEN) throw this.#error ?? broken(NORMAL, '');
    this.#socket.send(message as string | Uint8Array<ArrayBuffer>);
    while (this.#socket.bufferedAmount > MAX_UNSENT_BYTES && this.#socket.readyState === OPEN) {
      await new Promise((resolve) => setTimeout(resolve, UNSENT_POLL_MS));
    }
  }

  /** Closes the connection. What has come but was not read can still be read. */
  close(): void {
    this.#end();
    this.#socket.resume?.(); // a paused one would never see the answer to its closing
    this.#socket.close(NORMAL);
  }

  /** Messages in order, until the connection is closed. @throws SandglassError `stream_ended` when it broke, `slow_reader`. */
  async *[Symbol.asyncIterator](): AsyncGenerator<string | Uint8Array, void> {
    for (;;) {
      const message = this.#unread.shift();
      if (message !== undefined) {
        this.#unreadBytes -= message.length;
        this.#resume();
        yield message;
      } else if (this.#ended) {
        if (this.#error !== undefined) throw this.#error;
        return;
      } else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }

  #receive(message: string | Uint8Array): void {
    if (this.#ended) return;
    this.#unread.push(message);
    this.#unreadBytes += message.length;
    if (this.#unreadBytes > MAX_UNREAD_BYTES) {
      this.#drop(new SandglassError('resource_exhausted', 'slow_reader', 'more came from the sandbox than was read'));
    } else if (this.#unreadBytes > PAUSE_BYTES && !this.#paused && this.#socket.pause !== undefined) {
      this.#paused = true;
      this.#socket.pause();
    }
    this.#wake();
  }

  #resume(): void {
    if (!this.#paused || this.#unreadBytes > PAUSE_BYTES / 2) return;
    this.#paused = false;
    this.#socket.resume?.();
  }

  #end(): void {
    this.#ended = true;
    this.#wake();
  }

  /** Ends with an error, once what has come is read. */
  #fail(error: unknown): void {
    if (this.#ended) return;
    this.#error = error;
    this.#end();
  }

  /** Ends with an error at once. */
  #drop(error: unknown): void {
    this.#fail(error);
    this.#unread.length = 0;
    this.#socket.resume?.();
    this.#socket.close();
  }
}

function broken(code: number, reason: string): SandglassError {
  const why = reason === '' ? `code ${code}` : reason;
  return new SandglassError('unavailable', 'stream_ended', `the connection to the sandbox was closed: ${why}`);
}

function refusal(url: string, message: string | undefined): string {
  const { origin } = new URL(url);
  return `cannot open a WebSocket to ${origin}${message === undefined || message === '' ? '' : `: ${message}`}`;
}
