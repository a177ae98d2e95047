import type { RawData, WebSocket } from 'ws';
import type { Clock } from '../../../lib/clock.ts';

/** One message of a WebSocket. */
export type Frame = { readonly bytes: Buffer } | { readonly text: string };

/** Close codes (RFC 6455, 7.4.1, and the IANA registry). */
export const CLOSE = { normal: 1000, goingAway: 1001, protocolError: 1008, failed: 1011 } as const;

/** Bytes that wait to be sent, from which on nothing more is taken from the sandbox. */
const MAX_UNSENT_BYTES = 1024 * 1024;
/** Bytes received that nobody has taken, from which on the socket is not read. Beside it, what had been read already. */
const MAX_UNREAD_BYTES = 256 * 1024;
/** Bytes up to which messages are put together. */
const MAX_MERGED_BYTES = 64 * 1024;
const PING_MS = 30_000;
/** How long the peer has to answer our close. */
const CLOSE_TIMEOUT_MS = 5000;
/** Longest reason of a close frame, in bytes. */
const MAX_REASON_BYTES = 120;

/**
 * A WebSocket of which no more is read than is taken, and to which no more is written than the peer takes. A peer that is gone
 * without a word is noticed by pings, within a minute.
 */
export class SocketChannel {
  readonly #socket: WebSocket;
  readonly #clock: Clock;
  readonly #unread: Frame[] = [];
  readonly #closed = new AbortController();
  #unreadBytes = 0;
  #paused = false;
  #wake: (() => void) | undefined;
  #roomWaiters: (() => void)[] = [];
  #isAlive = true;
  #cancelPing = () => {};

  constructor(socket: WebSocket, clock: Clock) {
    this.#socket = socket;
    this.#clock = clock;
    socket.on('message', (data, isBinary) => this.#receive(data, isBinary));
    socket.on('pong', () => {
      this.#isAlive = true;
    });
    // What is wrong with a peer's frames is answered by `ws` itself, with the code for it; `close` follows.
    socket.on('error', () => {});
    socket.once('close', () => {
      this.#cancelPing();
      this.#closed.abort();
      this.#wakeAll();
    });
    this.#schedulePing();
  }

  /** Aborts once the connection is closed, by whichever side. */
  get closed(): AbortSignal {
    return this.#closed.signal;
  }

  /**
   * The messages in order, until the connection closes. Bytes of several small ones that wait come as one: keys that are typed
   * while the sandbox is busy reach it together. For one reader.
   */
  async *frames(): AsyncGenerator<Frame, void, undefined> {
    for (;;) {
      const frame = this.#take();
      if (frame !== undefined) {
        if (this.#paused && this.#unreadBytes < MAX_UNREAD_BYTES) this.#resume();
        yield frame;
      } else if (this.#closed.signal.aborted) return;
      else
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
    }
  }

  /** Sends bytes, or JSON as a text. Resolves when more may follow; also when the connection is closed. */
  async send(message: Uint8Array | object): Promise<void> {
    if (this.#socket.readyState !== this.#socket.OPEN) return;
    this.#socket.send(message instanceof Uint8Array ? message : JSON.stringify(message), () => this.#sent());
    while (this.#socket.bufferedAmount > MAX_UNSENT_BYTES && !this.#closed.signal.aborted) {
      await new Promise<void>((resolve) => this.#roomWaiters.push(resolve));
    }
  }

  /** Closes the connection once everything has been sent; cuts it off when the peer does not answer. The reason is cut at 120 bytes. */
  close(code: number, reason = ''): void {
    if (this.#closed.signal.aborted) return;
    if (this.#paused) this.#resume(); // the peer's own close is behind what is not read
    this.#unread.length = 0;
    this.#socket.close(code, clip(reason));
    const cancel = this.#clock.schedule(CLOSE_TIMEOUT_MS, () => this.#socket.terminate());
    this.#closed.signal.addEventListener('abort', cancel, { once: true });
  }

  #take(): Frame | undefined {
    const first = this.#unread.shift();
    if (first === undefined) return undefined;
    this.#unreadBytes -= sizeOf(first);
    if ('text' in first) return first;
    const pieces = [first.bytes];
    let length = first.bytes.length;
    for (;;) {
      const [next] = this.#unread;
      if (next === undefined || 'text' in next || length + next.bytes.length > MAX_MERGED_BYTES) break;
      this.#unread.shift();
      this.#unreadBytes -= sizeOf(next);
      pieces.push(next.bytes);
      length += next.bytes.length;
    }
    return pieces.length === 1 ? first : { bytes: Buffer.concat(pieces) };
  }

  #receive(data: RawData, isBinary: boolean): void {
    this.#isAlive = true;
    if (this.#socket.readyState !== this.#socket.OPEN) return;
    const bytes = data as Buffer; // as `binaryType` is `nodebuffer`
    const frame: Frame = isBinary ? { bytes } : { text: bytes.toString('utf8') };
    this.#unread.push(frame);
    this.#unreadBytes += sizeOf(frame);
    if (!this.#paused && this.#unreadBytes >= MAX_UNREAD_BYTES) {
      this.#paused = true;
      this.#socket.pause();
    }
    this.#wake?.();
  }

  #resume(): void {
    this.#paused = false;
    this.#isAlive = true;
    this.#socket.resume();
  }

  #sent(): void {
    // The peer takes what we send, be it slowly: its answer to a ping may be a long way off.
    this.#isAlive = true;
    if (this.#socket.bufferedAmount <= MAX_UNSENT_BYTES) this.#wakeSenders();
  }

  #wakeSenders(): void {
    for (const wake of this.#roomWaiters.splice(0)) wake();
  }

  #wakeAll(): void {
    this.#wakeSenders();
    this.#wake?.();
  }

  #schedulePing(): void {
    this.#cancelPing = this.#clock.schedule(PING_MS, () => {
      // While we do not read, no answer can be seen.
      if (!this.#isAlive && !this.#paused) {
        this.#socket.terminate();
        return;
      }
      this.#isAlive = false;
      this.#socket.ping();
      this.#schedulePing();
    });
  }
}

/** Each message costs memory besides its bytes. */
function sizeOf(frame: Frame): number {
  return 256 + ('bytes' in frame ? frame.bytes.length : frame.text.length);
}

function clip(reason: string): string {
  let clipped = reason;
  while (Buffer.byteLength(clipped) > MAX_REASON_BYTES) clipped = [...clipped].slice(0, -1).join('');
  return clipped;
}
