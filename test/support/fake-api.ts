import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';

/** A request as a route of the fake sees it, its body read. */
export interface ApiRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage['headers'];
  /** The body's JSON; undefined for any other body, and without one. */
  readonly body: unknown;
  readonly bytes: Buffer;
}

/** What a route that is a WebSocket does with a connection. */
export type SocketRoute = (socket: WebSocket, request: Omit<ApiRequest, 'body' | 'bytes'>) => void | Promise<void>;

export type Route = (request: ApiRequest, reply: Reply) => void | Promise<void>;

/** What a route answers with, once. */
export interface Reply {
  json(status: number, body: unknown, headers?: Record<string, string>): void;
  text(status: number, body: string, headers?: Record<string, string>): void;
  bytes(status: number, body: Uint8Array, headers?: Record<string, string>): void;
  /** Sends `body` and leaves the answer unfinished. Resolves when the client has closed the connection. */
  unfinished(body: Uint8Array): Promise<void>;
  /** Sends `body` and then breaks the connection. */
  brokenOff(body: Uint8Array): void;
  error(status: number, code: string, reason: string, message: string, details?: object): void;
  /** Begins an event stream; `body` is written as it is, unless it is empty. */
  stream(body?: string): EventStream;
  /** Breaks the connection instead of answering. */
  hangUp(): void;
}

export interface EventStream {
  /** Sends one event; `id` is left out when undefined. */
  event(type: string, data: unknown, id?: string): void;
  write(text: string): void;
  end(): void;
  hangUp(): void;
  /** Resolves when the client has closed the connection, or the stream has ended. */
  readonly closed: Promise<void>;
}

/**
 * A server for tests of what talks to the REST API: real HTTP on loopback, with routes that the test scripts. Every
 * request is recorded; one without a route is answered 404 `route_not_found`.
 */
export class FakeApi {
  readonly url: string;
  readonly requests: ApiRequest[] = [];
  readonly #routes = new Map<string, Route[]>();
  readonly #socketRoutes = new Map<string, SocketRoute>();
  readonly #sockets: WebSocketServer;
  readonly #server: ReturnType<typeof createServer>;

  private constructor(server: ReturnType<typeof createServer>) {
    this.#server = server;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    // Speaks the first subprotocol that is offered, as a server does that must not answer with somebody's key.
    this.#sockets = new WebSocketServer({ noServer: true, handleProtocols: (offered) => [...offered][0] ?? false });
    server.on('upgrade', (incoming, connection, head) => this.#upgrade(incoming, connection, head));
    server.on('request', (incoming, outgoing) => void this.#serve(incoming, outgoing));
  }

  static async start(): Promise<FakeApi> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new FakeApi(server);
  }

  /**
   * Answers requests of `route`, such as `GET /health`, with the given scripts: the first request with the first, and so on;
   * the last one answers all that follow. Replaces what the route had.
   */
  on(route: string, ...scripts: Route[]): void {
    this.#routes.set(route, scripts);
  }

  /** Accepts WebSockets at `path`. They are recorded as requests too. */
  onSocket(path: string, script: SocketRoute): void {
    this.#socketRoutes.set(path, script);
  }

  /** The recorded requests of `route`. */
  requestsOf(route: string): ApiRequest[] {
    return this.requests.filter(({ method, path }) => `${method} ${path}` === route);
  }

  async close(): Promise<void> {
    for (const client of this.#sockets.clients) client.terminate();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #upgrade(incoming: IncomingMessage, connection: Duplex, head: Buffer): void {
    const { pathname, searchParams } = new URL(incoming.url ?? '/', this.url);
    const request = { method: 'GET', path: pathname, query: searchParams, headers: incoming.headers };
    this.requests.push({ ...request, body: undefined, bytes: Buffer.alloc(0) });
    const script = this.#socketRoutes.get(pathname);
    if (script === undefined) connection.end('HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n');
    else this.#sockets.handleUpgrade(incoming, connection, head, (socket) => void script(socket, request));
  }

  async #serve(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(incoming.url ?? '/', this.url);
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of incoming) chunks.push(chunk);
    } catch {
      return; // the client has gone
    }
    const bytes = Buffer.concat(chunks);
    const isJson = incoming.headers['content-type']?.startsWith('application/json') && bytes.length > 0;
    const request = {
      method: incoming.method ?? '',
      path: pathname,
      query: searchParams,
      headers: incoming.headers,
      body: isJson ? JSON.parse(bytes.toString()) : undefined,
      bytes,
    };
    this.requests.push(request);
    const scripts = this.#routes.get(`${request.method} ${pathname}`) ?? [];
    const route = scripts.length > 1 ? scripts.shift() : scripts[0];
    const reply = replyTo(outgoing);
    if (route === undefined) reply.error(404, 'not_found', 'route_not_found', `no route ${request.method} ${pathname}`);
    else await route(request, reply);
  }
}

function replyTo(outgoing: ServerResponse): Reply {
  const text = (status: number, body: string, headers: Record<string, string> = {}) => {
    outgoing.writeHead(status, { 'x-request-id': 'req-1', ...headers }).end(body);
  };
  const json = (status: number, body: unknown, headers: Record<string, string> = {}) => {
    text(status, JSON.stringify(body), { 'content-type': 'application/json', ...headers });
  };
  return {
    text,
    json,
    bytes: (status, body, headers = {}) => void outgoing.writeHead(status, headers).end(body),
    unfinished: (body) => {
      outgoing.write(body);
      return new Promise((resolve) => outgoing.once('close', () => resolve()));
    },
    brokenOff: (body) => void outgoing.write(body, () => outgoing.destroy()),
    error: (status, code, reason, message, details) => json(status, { error: { code, reason, message, details } }),
    stream: (body = '') => streamTo(outgoing, body),
    hangUp: () => outgoing.destroy(),
  };
}

function streamTo(outgoing: ServerResponse, body: string): EventStream {
  outgoing.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' });
  outgoing.flushHeaders();
  if (body !== '') outgoing.write(body);
  return {
    event(type, data, id) {
      outgoing.write(`${id === undefined ? '' : `id: ${id}\n`}event: ${type}\ndata: ${JSON.stringify(data)}\n\n`);
    },
    write: (text) => void outgoing.write(text),
    end: () => void outgoing.end(),
    hangUp: () => void outgoing.write(':\n', () => outgoing.destroy()), // once what came before has left
    closed: new Promise((resolve) => outgoing.once('close', () => resolve())),
  };
}
