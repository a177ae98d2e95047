import { once } from 'node:events';
import { createServer, type Http2Server, type ServerHttp2Session } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { createConnectRouter } from '@connectrpc/connect';
import {
  ExecutorService,
  type SessionRequest,
  type SessionResponse,
  SessionResponseSchema,
  type TunnelRequest,
  type TunnelResponse,
  TunnelResponseSchema,
} from '../../src/rpc/gen/sandglass/v1/executor_pb.js';
import { Outbox } from '../../src/rpc/outbox.ts';
import { requestListener } from '../../src/server/grpc/request-listener.ts';
import { until } from './grpc-world.ts';

type SessionMessage = NonNullable<MessageInitShape<typeof SessionResponseSchema>['message']>;
type TunnelMessage = NonNullable<MessageInitShape<typeof TunnelResponseSchema>['message']>;

/** One call of an executor: what it has said, and what it is answered. */
export class ServedCall<Q extends { readonly message: { readonly case: string | undefined; readonly value?: unknown } }, R> {
  readonly received: Q['message'][] = [];
  readonly answers = new Outbox<R>({ waitAt: 10_000, refuseAt: 10_000 });
  /** True once the executor has ended it. */
  ended = false;

  async collect(requests: AsyncIterable<Q>): Promise<void> {
    try {
      for await (const { message } of requests) this.received.push(message);
    } catch {
      // broken off, which is an end too
    }
    this.ended = true;
    this.answers.end();
  }

  of(kind: string): unknown[] {
    return this.received.filter((message) => message.case === kind).map(({ value }) => value);
  }
}

/** A server that says what a test makes it say. */
export class RawServer {
  readonly sessions: ServedCall<SessionRequest, SessionResponse>[] = [];
  readonly tunnels: ServedCall<TunnelRequest, TunnelResponse>[] = [];
  readonly #http2: Http2Server;
  readonly #connections = new Set<ServerHttp2Session>();

  private constructor() {
    const router = createConnectRouter({ connect: false, grpcWeb: false, acceptCompression: [] });
    router.rpc(ExecutorService.method.session, (requests) => this.#serve(this.sessions, requests));
    router.rpc(ExecutorService.method.tunnel, (requests) => this.#serve(this.tunnels, requests));
    const log = { debug() {}, info() {}, warn() {}, error() {}, child: () => log };
    this.#http2 = createServer(requestListener(router, log));
    this.#http2.on('session', (connection) => {
      this.#connections.add(connection);
      connection.on('error', () => {}).on('close', () => this.#connections.delete(connection));
    });
  }

  static async start(): Promise<RawServer> {
    const server = new RawServer();
    server.#http2.listen(0, '127.0.0.1');
    await once(server.#http2, 'listening');
    return server;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#http2.address() as AddressInfo).port}`;
  }

  /** Lets the first executor that comes in. */
  async welcome(): Promise<void> {
    await until(() => this.sessions.at(-1)?.of('hello').length === 1);
    this.say({ case: 'welcome', value: { clusterId: 'cluster-raw', heartbeatIntervalMs: 60_000 } });
  }

  /** Says something in the latest session. */
  say(message: SessionMessage): void {
    this.sessions.at(-1)?.answers.push(create(SessionResponseSchema, { message }));
  }

  /** The call of the `n`th tunnel, once the executor has made it. */
  async tunnel(n: number): Promise<ServedCall<TunnelRequest, TunnelResponse> & { answer(message: TunnelMessage): void }> {
    await until(() => (this.tunnels[n - 1]?.received.length ?? 0) > 0);
    const call = this.tunnels[n - 1] as ServedCall<TunnelRequest, TunnelResponse>;
    return Object.assign(call, {
      answer: (message: TunnelMessage) => void call.answers.push(create(TunnelResponseSchema, { message })),
    });
  }

  async close(): Promise<void> {
    for (const connection of this.#connections) connection.destroy();
    this.#http2.close();
    await once(this.#http2, 'close');
  }

  #serve<Q extends { readonly message: { readonly case: string | undefined } }, R>(
    calls: ServedCall<Q, R>[],
    requests: AsyncIterable<Q>,
  ): AsyncIterable<R> {
    const call = new ServedCall<Q, R>();
    calls.push(call);
    void call.collect(requests);
    return call.answers;
  }
}
