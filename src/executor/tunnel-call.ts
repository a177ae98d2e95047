import { addAbortSignal, type Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { failureOf, SandglassError } from '../model/errors.ts';
import { boundedBytes, malformed } from '../rpc/checks.ts';
import { type TunnelRequest, TunnelRequestSchema, type TunnelResponse } from '../rpc/gen/sandglass/v1/executor_pb.js';
import { CHUNK_BYTES, MAX_TUNNEL_MESSAGE_BYTES } from '../rpc/limits.ts';
import { Outbox } from '../rpc/outbox.ts';
import { TunnelStream } from '../rpc/tunnel-stream.ts';
import type { Connection } from './connection.ts';

/** How a session makes calls for tunnels. */
export interface TunnelCaller {
  readonly connection: Connection;
  readonly headers: Readonly<Record<string, string>>;
  /** Aborts when the session is over: its tunnels end then. */
  readonly signal: AbortSignal;
}

type Message = NonNullable<MessageInitShape<typeof TunnelRequestSchema>['message']>;

/** The call of one tunnel, from the executor's side. */
export class TunnelCall {
  /** Aborts when the tunnel is over: the server has ended it, or it broke, or the session is over. */
  readonly signal: AbortSignal;
  readonly #over = new AbortController();
  readonly #outgoing = new Outbox<TunnelRequest>({ waitAt: 1, refuseAt: 1 });
  readonly #responses: AsyncIterator<TunnelResponse>;
  /** Asked for at once: a call that nobody reads from would fail with nobody to hear of it. */
  #first: Promise<IteratorResult<TunnelResponse>> | undefined;

  /** Makes the call. */
  constructor(tunnelId: string, { connection, headers, signal }: TunnelCaller) {
    this.signal = AbortSignal.any([signal, this.#over.signal]);
    this.#outgoing.push(create(TunnelRequestSchema, { message: { case: 'tunnelId', value: tunnelId } }));
    const client = connection.client({ maxMessageBytes: MAX_TUNNEL_MESSAGE_BYTES, onClosed: () => this.#over.abort() });
    this.#responses = client.tunnel(this.#outgoing, { headers: { ...headers }, signal: this.signal })[Symbol.asyncIterator]();
    this.#first = this.#responses.next();
    this.#first.catch(() => {});
  }

  /** Resolves when there is room for more; with false when the tunnel is over. */
  send(message: Message): Promise<boolean> {
    return this.#outgoing.send(create(TunnelRequestSchema, { message }));
  }

  /** Leads what comes to the guest, and what the guest says to the server, until both ways have ended. @throws when one breaks. */
  async carry(guest: Duplex): Promise<void> {
    try {
      this.signal.throwIfAborted();
      await this.send({ case: 'opened', value: {} });
      const stream = addAbortSignal(this.signal, new TunnelStream(this.#channel()));
      await Promise.all([pipeline(guest, stream), pipeline(stream, guest)]);
    } catch (error) {
      if (error instanceof SandglassError) throw error;
      throw new SandglassError('guest_unavailable', 'the connection to the guest of the sandbox broke', { cause: error });
    } finally {
      guest.destroy();
    }
  }

  /** Tells the server why there is no tunnel, or no more of it. */
  async fail(error: unknown): Promise<void> {
    await this.send({ case: 'failure', value: { ...failureOf(error) } });
    await this.finish();
  }

  /** Everything has been said. Resolves when the server has taken it. What it still sends does not matter. */
  async finish(): Promise<void> {
    this.#outgoing.end();
    while ((await this.#next()).done !== true);
  }

  end(): void {
    this.#over.abort();
  }

  #next(): Promise<IteratorResult<TunnelResponse>> {
    const next = this.#first ?? this.#responses.next();
    this.#first = undefined;
    return next;
  }

  #channel() {
    return {
      receive: () => this.#receive(),
      send: (bytes: Uint8Array) => this.send({ case: 'chunk', value: bytes }),
      end: () => this.send({ case: 'end', value: {} }),
      close() {}, // whoever carries sees to the call
    };
  }

  async #receive(): Promise<Uint8Array | undefined> {
    const { value, done } = await this.#next();
    if (done === true) throw new Error('the server has ended the tunnel');
    const { message } = value;
    switch (message.case) {
      case 'chunk':
        return boundedBytes('chunk', message.value, CHUNK_BYTES);
      case 'end':
        return undefined;
      case undefined:
        throw malformed('message', 'is missing or unknown');
    }
  }
}
