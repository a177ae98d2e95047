import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { type Client, ConnectError } from '@connectrpc/connect';
import { Connection } from '../../src/executor/connection.ts';
import { systemClock } from '../../src/lib/clock.ts';
import type { ExecutorId } from '../../src/model/ids.ts';
import {
  type ExecutorService,
  type SessionRequest,
  SessionRequestSchema,
  type SessionResponse,
  type TunnelRequest,
  TunnelRequestSchema,
  type TunnelResponse,
} from '../../src/rpc/gen/sandglass/v1/executor_pb.js';
import { MAX_SESSION_MESSAGE_BYTES } from '../../src/rpc/limits.ts';
import { Outbox } from '../../src/rpc/outbox.ts';

type SessionMessage = NonNullable<MessageInitShape<typeof SessionRequestSchema>['message']>;
type TunnelMessage = NonNullable<MessageInitShape<typeof TunnelRequestSchema>['message']>;

/** An executor that says what a test makes it say, and nothing by itself: no heartbeats either. */
export class RawExecutor {
  readonly #connection: Connection;
  readonly #client: Client<typeof ExecutorService>;

  private constructor(connection: Connection) {
    this.#connection = connection;
    this.#client = connection.client({ maxMessageBytes: MAX_SESSION_MESSAGE_BYTES, onClosed() {} });
  }

  static async connect(url: string): Promise<RawExecutor> {
    const options = { serverUrl: url, clock: systemClock, connectTimeoutMs: 1000 };
    return new RawExecutor(await Connection.open(options, new AbortController().signal));
  }

  session(token?: string): RawCall<SessionMessage, SessionResponse> {
    const outgoing = new Outbox<SessionRequest>({ waitAt: 1000, refuseAt: 1000 });
    const responses = this.#client.session(outgoing, { headers: headersOf(token) });
    return new RawCall(outgoing, responses, (message: SessionMessage) => create(SessionRequestSchema, { message }));
  }

  tunnel(token?: string): RawCall<TunnelMessage, TunnelResponse> {
    const outgoing = new Outbox<TunnelRequest>({ waitAt: 1000, refuseAt: 1000 });
    const responses = this.#client.tunnel(outgoing, { headers: headersOf(token) });
    return new RawCall(outgoing, responses, (message: TunnelMessage) => create(TunnelRequestSchema, { message }));
  }

  close(): void {
    this.#connection.close();
  }
}

function headersOf(token: string | undefined): Record<string, string> {
  return token === undefined ? {} : { authorization: `Bearer ${token}` };
}

/** One call, with everything that has come back. */
export class RawCall<M, R extends { readonly message: { readonly case: string | undefined } }> {
  readonly received: R[] = [];
  /** Resolves when the call is over, with the error that it ended with. */
  readonly ended: Promise<ConnectError | undefined>;
  readonly #outgoing: { push(message: never): boolean; end(): void };
  readonly #wrap: (message: M) => unknown;

  constructor(outgoing: { push(message: never): boolean; end(): void }, responses: AsyncIterable<R>, wrap: (message: M) => unknown) {
    this.#outgoing = outgoing;
    this.#wrap = wrap;
    this.ended = this.#collect(responses);
  }

  /** The messages of one kind that have come back. */
  of(kind: string): unknown[] {
    return this.received.flatMap(({ message }) => (message.case === kind ? [(message as { value?: unknown }).value] : []));
  }

  send(message: M): this {
    this.#outgoing.push(this.#wrap(message) as never);
    return this;
  }

  end(): void {
    this.#outgoing.end();
  }

  async #collect(responses: AsyncIterable<R>): Promise<ConnectError | undefined> {
    try {
      for await (const response of responses) this.received.push(response);
      return undefined;
    } catch (error) {
      return ConnectError.from(error);
    }
  }
}

/** A Hello without fault. */
export function helloOf(executorId: ExecutorId | string) {
  return {
    executorId,
    hostname: 'raw-host',
    version: '0',
    labels: {},
    capacity: { cpus: 1, memoryMb: 1024n, maxSandboxes: 10 },
    runtimes: ['runc'],
    engine: 'raw 1',
    limitsDisk: false,
    sandboxes: [],
    snapshots: [],
  };
}
