import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { onTestFinished } from 'vitest';
import { type ClientOptions, WebSocket } from 'ws';
import type { ErrorBody } from '../../src/server/rest/error-handler.ts';

/** How the server closed a connection. */
export interface Closed {
  readonly code: number;
  readonly reason: string;
}

/** A WebSocket client that keeps what it is sent. */
export class WebSocketClient {
  readonly socket: WebSocket;
  /** Texts, as the JSON that they are. */
  readonly texts: Record<string, unknown>[] = [];
  readonly closed: Promise<Closed>;
  #chunks: Buffer[] = [];
  #wake = () => {};

  private constructor(url: string, protocols: string[], options: ClientOptions) {
    this.socket = new WebSocket(url, protocols, { perMessageDeflate: false, ...options });
    this.closed = new Promise((resolve) => this.socket.once('close', (code, reason) => resolve({ code, reason: String(reason) })));
    this.socket.on('error', () => {});
    this.socket.on('message', (data: Buffer, isBinary) => {
      if (isBinary) this.#chunks.push(data);
      else this.texts.push(JSON.parse(String(data)) as Record<string, unknown>);
      this.#wake();
    });
    void this.closed.then(() => this.#wake());
    onTestFinished(() => this.socket.terminate());
  }

  /** @throws RefusedUpgrade when the server answers with an error. */
  static async open(url: string, protocols: string[] = [], options: ClientOptions = {}): Promise<WebSocketClient> {
    const client = new WebSocketClient(url, protocols, options);
    const refused = once(client.socket, 'unexpected-response') as Promise<[unknown, IncomingMessage]>;
    refused.catch(() => {});
    const opened = once(client.socket, 'open').then(() => undefined);
    const answer = await Promise.race([opened, refused.then(([, response]) => response)]);
    if (answer === undefined) return client;
    let text = '';
    for await (const chunk of answer) text += String(chunk);
    client.socket.terminate();
    throw new RefusedUpgrade(answer.statusCode, JSON.parse(text) as ErrorBody);
  }

  /** All bytes so far. */
  get bytes(): Buffer {
    this.#chunks = [Buffer.concat(this.#chunks)];
    return this.#chunks[0] ?? Buffer.alloc(0);
  }

  /** Resolves once `condition` holds. @throws when the connection is closed before. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      if (this.socket.readyState === WebSocket.CLOSED)
        throw new Error(`closed with ${JSON.stringify(await this.closed)}: ${this.bytes.subarray(-500)}`);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** Resolves once what has come in binary messages has `text` in it. */
  untilText(text: string): Promise<void> {
    return this.until(() => this.bytes.includes(text));
  }

  send(message: string | Uint8Array | Record<string, unknown>): void {
    this.socket.send(
      typeof message === 'string' ? Buffer.from(message) : message instanceof Uint8Array ? message : JSON.stringify(message),
    );
  }
}

/** What a server answered instead of changing to WebSocket. */
export class RefusedUpgrade extends Error {
  readonly status: number | undefined;
  readonly reason: string;

  constructor(status: number | undefined, { error }: ErrorBody) {
    super(error.message);
    this.status = status;
    this.reason = error.reason;
  }
}
