import { once } from 'node:events';
import { createSecureServer, createServer, type Http2Server, type ServerHttp2Session } from 'node:http2';
import type { AddressInfo, Socket } from 'node:net';
import { createConnectRouter } from '@connectrpc/connect';
import type { ExecutorGateway } from '../../control/executor-gateway.ts';
import { type Clock, sleep } from '../../lib/clock.ts';
import type { Logger } from '../../lib/logger.ts';
import { ExecutorService } from '../../rpc/gen/sandglass/v1/executor_pb.js';
import {
  CONNECTION_WINDOW_BYTES,
  MAX_SESSION_MESSAGE_BYTES,
  MAX_TUNNEL_MESSAGE_BYTES,
  MAX_TUNNELS,
  SILENT_INTERVALS,
  STREAM_WINDOW_BYTES,
} from '../../rpc/limits.ts';
import type { SandboxLink } from '../sandbox-link.ts';
import { executorService } from './executor-service.ts';
import { joinTokenCheck } from './join-token.ts';
import { requestListener } from './request-listener.ts';
import { ExecutorSessions } from './sessions.ts';
import { TunnelLink } from './tunnel-link.ts';
import { Tunnels } from './tunnels.ts';

/** Durations in milliseconds. */
export interface GrpcServerOptions {
  readonly gateway: ExecutorGateway;
  readonly clock: Clock;
  readonly log: Logger;
  /** Hash of the token that executors must bring: `sha256:` and 64 hexadecimal digits. Without it all are let in. */
  readonly joinTokenHash?: string;
  /** PEM texts. Without them the connection is not encrypted. */
  readonly tls?: { readonly key: string; readonly cert: string };
  /** 5 s when absent: a dead link is noticed after 15 s. */
  readonly heartbeatIntervalMs?: number;
  /** 10 s when absent. */
  readonly firstMessageTimeoutMs?: number;
  /** How long an executor may take to open the call of a tunnel; 10 s when absent. */
  readonly tunnelOpenTimeoutMs?: number;
  /** How long the first answer in a tunnel may take; 20 s when absent. */
  readonly tunnelAnswerTimeoutMs?: number;
  /** 1024 when absent. */
  readonly maxTunnelsPerExecutor?: number;
}

/** Connections on which nothing moves for this long, and for several heartbeats, are closed. */
const IDLE_CONNECTION_MS = 60_000;
/** What one connection may hold in memory for headers and frames, in megabytes; what waits in streams does not count. */
const CONNECTION_MEMORY_MB = 64;

/** The server's side of the executor protocol: HTTP/2, gRPC only. */
export class GrpcServer {
  /** The way into sandboxes on executors that are connected here. */
  readonly link: SandboxLink;
  readonly #options: GrpcServerOptions;
  readonly #sessions: ExecutorSessions;
  readonly #http2: Http2Server;
  readonly #idleMs: number;
  readonly #connections = new Set<ServerHttp2Session>();
  readonly #sockets = new Set<Socket>();

  constructor(options: GrpcServerOptions) {
    this.#options = options;
    const { gateway, clock, log, heartbeatIntervalMs = 5_000 } = options;
    this.#sessions = new ExecutorSessions({ gateway, clock, log, heartbeatIntervalMs });
    this.#idleMs = Math.max(IDLE_CONNECTION_MS, 2 * SILENT_INTERVALS * heartbeatIntervalMs);
    const { maxTunnelsPerExecutor = MAX_TUNNELS, tunnelOpenTimeoutMs = 10_000, tunnelAnswerTimeoutMs = 20_000 } = options;
    const tunnels = new Tunnels({
      sessions: this.#sessions,
      clock,
      maxPerExecutor: maxTunnelsPerExecutor,
      openTimeoutMs: tunnelOpenTimeoutMs,
    });
    this.link = new TunnelLink({ tunnels, clock, answerTimeoutMs: tunnelAnswerTimeoutMs });

    const checkToken = joinTokenCheck(options.joinTokenHash);
    const service = executorService({
      sessions: this.#sessions,
      tunnels,
      clock,
      firstMessageTimeoutMs: options.firstMessageTimeoutMs ?? 10_000,
    });
    const router = createConnectRouter({
      connect: false,
      grpcWeb: false,
      acceptCompression: [],
      requestGate: (context) => checkToken(context.requestHeader.get('authorization')),
    });
    router.rpc(ExecutorService.method.session, service.session, { readMaxBytes: MAX_SESSION_MESSAGE_BYTES });
    router.rpc(ExecutorService.method.tunnel, service.tunnel, { readMaxBytes: MAX_TUNNEL_MESSAGE_BYTES });

    const settings = { initialWindowSize: STREAM_WINDOW_BYTES, maxConcurrentStreams: 2 * maxTunnelsPerExecutor + 8 };
    const http2 = { settings, maxSessionMemory: CONNECTION_MEMORY_MB };
    const listener = requestListener(router, log);
    this.#http2 = options.tls === undefined ? createServer(http2, listener) : createSecureServer({ ...http2, ...options.tls }, listener);
    this.#http2.on('error', (error) => log.error({ err: error }, 'the executor port failed')); // such as: no more file descriptors
    // Also those whose TLS handshake never ends.
    this.#http2.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
    this.#http2.on('session', (connection) => this.#adopt(connection));
    this.#http2.on('sessionError', (error) => log.debug({ err: error }, 'the connection of an executor failed'));
  }

  /** Starts to take executors. Port 0 takes a free one. @returns the address that it listens on. */
  async listen(host: string, port: number): Promise<AddressInfo> {
    this.#http2.listen(port, host);
    await once(this.#http2, 'listening');
    return this.#http2.address() as AddressInfo;
  }

  /** Ends all sessions, tells the control plane, and closes all connections, by force after `deadlineMs`. */
  async close(deadlineMs = 2_000): Promise<void> {
    const closed = this.#http2.listening ? once(this.#http2, 'close') : Promise.resolve();
    this.#http2.close();
    await this.#sessions.close();
    for (const connection of this.#connections) connection.close();
    const timer = new AbortController();
    const forced = sleep(this.#options.clock, deadlineMs, timer.signal).then(
      () => {
        for (const socket of this.#sockets) socket.destroy();
      },
      () => {},
    );
    await closed;
    timer.abort();
    await forced;
  }

  #adopt(connection: ServerHttp2Session): void {
    this.#connections.add(connection);
    connection.on('close', () => this.#connections.delete(connection));
    connection.on('error', (error) => this.#options.log.debug({ err: error }, 'the connection of an executor failed'));
    connection.setLocalWindowSize(CONNECTION_WINDOW_BYTES);
    connection.setTimeout(this.#idleMs, () => connection.destroy());
  }
}
