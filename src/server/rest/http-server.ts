import http, { type IncomingMessage } from 'node:http';
import https from 'node:https';
import type { Socket } from 'node:net';
import type { FastifyServerFactory } from 'fastify';
import { SandglassError } from '../../model/errors.ts';
import { errorBody } from './error-handler.ts';
import { Upgrades } from './upgrade.ts';

/** Certificate chain and private key, in PEM. */
export interface TlsOptions {
  readonly cert: string | Buffer;
  readonly key: string | Buffer;
}

/** Bounds on what a client can make the server hold before anything is understood of it. Times in milliseconds. */
const LIMITS = {
  /** Bytes of the request line and all headers. */
  maxHeaderSize: 16 * 1024,
  headersTimeout: 20_000,
  /** Bodies have a deadline of their own: `body-deadline.ts`. */
  requestTimeout: 0,
  keepAliveTimeout: 72_000,
};

export interface HttpServerOptions {
  readonly tls?: TlsOptions;
  /** Whether the route of a request that asks for an upgrade may take its socket; the others are answered as if it had not asked. */
  readonly takesUpgrade: (request: IncomingMessage) => boolean;
}

/** Makes the HTTP server under fastify; with `tls`, an HTTPS one. Sockets that have left HTTP are cut off when it closes. */
export function serverFactory({ tls, takesUpgrade }: HttpServerOptions): FastifyServerFactory {
  return (handler) => {
    const options = { ...LIMITS, ...tls, shouldUpgradeCallback: takesUpgrade };
    const server = tls === undefined ? http.createServer(options, handler) : https.createServer(options, handler);
    const upgrades = new Upgrades(handler);
    server.on('upgrade', (request, socket, head) => upgrades.accept(request, socket as Socket, head));
    server.on('clientError', answerClientError);
    const closeAllConnections = server.closeAllConnections.bind(server);
    server.closeAllConnections = () => {
      closeAllConnections();
      upgrades.destroyAll();
    };
    return server;
  };
}

/** Answers what is not HTTP, or too much of it: nothing else sees such a request. */
function answerClientError(thrown: NodeJS.ErrnoException, socket: Socket): void {
  if (thrown.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const [status, error] = CLIENT_ERRORS[thrown.code ?? ''] ?? [400, new SandglassError('invalid_request', 'the request is not HTTP')];
  const body = JSON.stringify(errorBody(error));
  socket.end(
    `HTTP/1.1 ${status} ${http.STATUS_CODES[status]}\r\nconnection: close\r\ncontent-type: application/json; charset=utf-8\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}

const CLIENT_ERRORS: Readonly<Record<string, readonly [number, SandglassError]>> = {
  HPE_HEADER_OVERFLOW: [
    431,
    new SandglassError('request_too_large', `path and headers are larger than the ${LIMITS.maxHeaderSize} bytes that are taken`),
  ],
  ERR_HTTP_REQUEST_TIMEOUT: [408, new SandglassError('invalid_request', 'the request did not arrive in time')],
};
