import type { Server } from 'node:http';
import { connect, type Socket } from 'node:net';
import { type BackoffPolicy, backoffMs } from '../lib/backoff.ts';

/** Connections that wait for a request, so that a client never waits for one. */
const SPARES = 4;
const BACKOFF: BackoffPolicy = { baseMs: 20, maxMs: 500 };
/** A connection that has lasted so long shows that there is somebody at the other end. */
const LASTING_MS = 1000;

/**
 * The connections to the executor. The guest makes them and then serves requests on them, so that nothing in the sandbox
 * listens for anybody. When the executor is away, the guest tries again for as long as it lives.
 */
export class Connections {
  readonly #path: string;
  readonly #server: Server;
  /** Those that have served no request yet. */
  readonly #spares = new Set<Socket>();
  #failures = 0;
  #retry: NodeJS.Timeout | undefined;

  /** @param path of the unix socket where the executor listens. @param server gets the connections; listens nowhere. */
  constructor(path: string, server: Server) {
    this.#path = path;
    this.#server = server;
    server.prependListener('request', ({ socket }) => this.#used(socket));
    server.prependListener('connect', ({ socket }) => this.#used(socket));
  }

  /** Begins to connect. */
  open(): void {
    this.#retry = undefined;
    while (this.#spares.size < SPARES) this.#dial();
  }

  #dial(): void {
    const socket = connect({ path: this.#path, allowHalfOpen: true });
    let since = Number.POSITIVE_INFINITY;
    this.#spares.add(socket);
    socket.on('error', () => {}); // `close` follows
    socket.on('connect', () => {
      since = performance.now();
      this.#server.emit('connection', socket);
    });
    socket.on('close', () => {
      if (!this.#spares.delete(socket)) return;
      if (performance.now() - since > LASTING_MS) this.#failures = 0;
      this.#retry ??= setTimeout(() => this.open(), backoffMs(BACKOFF, ++this.#failures));
    });
  }

  #used(socket: Socket): void {
    if (!this.#spares.delete(socket)) return;
    this.#failures = 0;
    if (this.#retry === undefined) this.open();
  }
}
