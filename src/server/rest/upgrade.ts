import { type IncomingMessage, type RequestListener, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { SandglassError } from '../../model/errors.ts';
import { errorBody } from './error-handler.ts';
import { invalidField } from './invalid-request.ts';

/*
 * Requests with an `Upgrade` header go through the routing of all others, so that authentication, validation, errors and the
 * request log are the same for them. Until a route takes the socket, there is an ordinary answer on it.
 */

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The route takes over the socket of a request that asks for it: of a WebSocket, or of any protocol. */
    upgrades?: UpgradeKind;
  }
}

export type UpgradeKind = 'websocket' | 'any';

const TAKEN = Symbol('the socket of a request that asks for an upgrade');

type UpgradeRequest = IncomingMessage & { [TAKEN]?: RawSocket };

/** A connection after the head of its request: all that comes is `head`, then what is read from `socket`. */
export interface RawSocket {
  readonly socket: Socket;
  readonly head: Buffer;
}

/** Upgrades that have not been answered, at one time: each holds a connection that has no deadline of its own. */
const MAX_WAITING = 1000;

/** How long a client has to close its side after an answer that refused the upgrade. */
const LINGER_MS = 5000;

/**
 * The protocol that a request asks to change to, in lower case; undefined when the request is to be answered as if it had not
 * asked. That is so for HTTP/2 (RFC 9113 withdrew its upgrade, and requests in it would pass by everything here), for other
 * methods than GET, and for requests with a body.
 */
export function wantedProtocol({ method, headers }: Pick<IncomingMessage, 'method' | 'headers'>): string | undefined {
  const protocol = headers.upgrade?.trim().toLowerCase();
  if (protocol === undefined || protocol === '' || /^h2c?(,|$)/.test(protocol) || method !== 'GET') return undefined;
  if (headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0') return undefined;
  return protocol;
}

/** The sockets that have left HTTP, or are about to. */
export class Upgrades {
  readonly #route: RequestListener;
  readonly #sockets = new Set<Socket>();
  #waiting = 0;

  /** @param route answers requests, those that ask for an upgrade too. */
  constructor(route: RequestListener) {
    this.#route = route;
  }

  /** Listener of the server's event `upgrade`. */
  accept(request: UpgradeRequest, socket: Socket, head: Buffer): void {
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
    // Whoever holds the socket hears of its end by `close`.
    socket.on('error', () => {});
    const response = new ServerResponse(request);
    response.shouldKeepAlive = false;
    response.assignSocket(socket);
    socket.on('drain', () => response.socket === socket && response.emit('drain'));
    response.once('finish', () => response.socket === socket && linger(socket));
    this.#count(response);
    if (this.#waiting > MAX_WAITING) {
      const error = new SandglassError('too_many_requests', 'too many connections wait for their upgrade; try again in a moment');
      response.writeHead(error.status, { 'content-type': 'application/json; charset=utf-8' }).end(JSON.stringify(errorBody(error)));
      return;
    }
    request[TAKEN] = { socket, head };
    this.#route(request, response);
  }

  #count(response: ServerResponse): void {
    this.#waiting += 1;
    let counted = true;
    const answered = () => {
      if (counted) this.#waiting -= 1;
      counted = false;
    };
    response.once('finish', answered).once('close', answered).once(DETACHED, answered);
  }

  /** Cuts all of them off. */
  destroyAll(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}

const DETACHED = Symbol('the response has given its socket away');

/** True when the client of `raw` waits for its connection to become one of another protocol. */
export function isUpgrade(raw: IncomingMessage): boolean {
  return (raw as UpgradeRequest)[TAKEN] !== undefined;
}

/** @throws SandglassError `upgrade_required` unless the client asked for a WebSocket, `invalid_request` when not as RFC 6455 says. */
export function requireWebSocket(request: FastifyRequest, reply: FastifyReply): void {
  if (isUpgrade(request.raw)) {
    const { 'sec-websocket-key': key, 'sec-websocket-version': version } = request.headers;
    if (version !== '13') throw invalidField('Sec-WebSocket-Version', 'Sec-WebSocket-Version must be 13');
    if (!/^[+/0-9A-Za-z]{22}==$/.test(key ?? '')) throw invalidField('Sec-WebSocket-Key', 'Sec-WebSocket-Key must be 16 bytes in base64');
    return;
  }
  reply.header('upgrade', 'websocket').header('connection', 'upgrade');
  throw new SandglassError('upgrade_required', 'this route is a WebSocket; connect to it with a WebSocket client');
}

/**
 * Takes the socket of a request that asks for an upgrade: the caller answers on it, and closes it. The request is logged as
 * answered with 101 when the socket closes.
 */
export function takeSocket(request: FastifyRequest, reply: FastifyReply): RawSocket {
  const raw = request.raw as UpgradeRequest;
  const taken = raw[TAKEN];
  if (taken === undefined) throw new Error('this request asks for no upgrade');
  delete raw[TAKEN];
  reply.hijack();
  const { socket } = taken;
  const response = reply.raw;
  response.detachSocket(socket);
  response.statusCode = 101;
  response.emit(DETACHED);
  const closed = () => {
    response.emit('finish');
    response.emit('close');
  };
  if (socket.destroyed) closed();
  else socket.once('close', closed);
  return taken;
}

/** Closes our side, and reads on until the client closes its own: what it still sends would otherwise reset the connection. */
function linger(socket: Socket): void {
  socket.end();
  socket.resume();
  const timer = setTimeout(() => socket.destroy(), LINGER_MS).unref();
  socket.once('end', () => socket.destroySoon()).once('close', () => clearTimeout(timer));
}
