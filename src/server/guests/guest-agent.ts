import http from 'node:http';
import type { Duplex } from 'node:stream';
import type { Clock } from '../../lib/clock.ts';
import { SandglassError } from '../../model/errors.ts';

/** Connections to one sandbox that are kept for the next request. */
const MAX_IDLE_CONNECTIONS = 8;
/** How long one is kept that nobody uses. */
const IDLE_MS = 30_000;
/** Connections to one sandbox at one time, for whatever runs in it and is watched. */
const MAX_CONNECTIONS = 1024;

export interface GuestAgentOptions {
  /** A new connection to the sandbox. Aborted when the agent is closed. */
  readonly connect: (signal: AbortSignal) => Promise<Duplex>;
  readonly clock: Clock;
  /** Called whenever the last connection has gone. */
  readonly onEmpty: () => void;
}

/** The connections to one sandbox's guest. They are any duplex streams, not sockets: what sockets alone can do is not asked of them. */
export class GuestAgent extends http.Agent {
  readonly #options: GuestAgentOptions;
  readonly #closing = new AbortController();
  readonly #idle = new Map<Duplex, () => void>();
  #connections = 0;

  constructor(options: GuestAgentOptions) {
    super({ keepAlive: true, maxFreeSockets: MAX_IDLE_CONNECTIONS, scheduling: 'lifo' });
    this.#options = options;
  }

  override createConnection(_options: object, callback?: (error: Error | null, stream: Duplex) => void): undefined {
    const done = callback as (error: unknown, stream?: Duplex) => void;
    if (this.#connections >= MAX_CONNECTIONS) {
      done(
        new SandglassError('too_many_requests', `${MAX_CONNECTIONS} requests to the sandbox are under way; try again when some have ended`),
      );
      return;
    }
    this.#connections++;
    this.#options.connect(this.#closing.signal).then(
      (stream) => {
        stream.once('close', () => {
          this.#use(stream);
          this.#gone();
        });
        // Requests have listeners of their own; an error between two of them just ends the connection.
        stream.on('error', () => {});
        // What agents call on a socket before they use it again.
        if (!('ref' in stream)) Object.assign(stream, { ref: () => stream });
        done(null, stream);
      },
      (error: unknown) => {
        this.#gone();
        done(error);
      },
    );
  }

  override keepSocketAlive(stream: Duplex): boolean {
    if (this.#closing.signal.aborted || stream.destroyed || stream.readableEnded || !stream.writable) return false;
    this.#idle.set(
      stream,
      this.#options.clock.schedule(IDLE_MS, () => stream.destroy()),
    );
    return true;
  }

  override reuseSocket(stream: Duplex, request: http.ClientRequest): void {
    this.#use(stream);
    super.reuseSocket(stream, request);
  }

  /** Closes the connections that no request uses. */
  closeIdle(): void {
    for (const stream of this.#idle.keys()) stream.destroy();
  }

  /** Closes connections as soon as no request uses them, and makes no more. */
  close(): void {
    this.#closing.abort(new SandglassError('guest_unavailable', 'the connection to the sandbox was closed'));
    this.closeIdle();
  }

  #use(stream: Duplex): void {
    this.#idle.get(stream)?.();
    this.#idle.delete(stream);
  }

  #gone(): void {
    this.#connections--;
    if (this.#connections === 0) this.#options.onEmpty();
  }
}
