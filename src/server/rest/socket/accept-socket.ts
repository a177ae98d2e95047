import type { FastifyReply, FastifyRequest } from 'fastify';
import { type WebSocket, WebSocketServer } from 'ws';
import type { RestContext } from '../rest-context.ts';
import { takeSocket } from '../upgrade.ts';
import { SocketChannel } from './socket-channel.ts';

/** Most bytes of one message of a client. */
const MAX_MESSAGE_BYTES = 1024 * 1024;

/** Subprotocols that a server answers with, of those that a client offers. What carries a key is never among them. */
function serverFor(subprotocol: string): WebSocketServer {
  return new WebSocketServer({
    noServer: true,
    clientTracking: false,
    maxPayload: MAX_MESSAGE_BYTES,
    perMessageDeflate: false,
    handleProtocols: (offered) => (offered.has(subprotocol) ? subprotocol : false),
  });
}

const servers = new Map<string, WebSocketServer>();

/**
 * Makes the connection of a request a WebSocket. What is wrong with the handshake is answered with 400; it resolves with
 * undefined then, and when the client has gone meanwhile.
 */
export function acceptSocket(
  request: FastifyRequest,
  reply: FastifyReply,
  { clock }: Pick<RestContext, 'clock'>,
  subprotocol: string,
): Promise<SocketChannel | undefined> {
  const server = servers.get(subprotocol) ?? serverFor(subprotocol);
  servers.set(subprotocol, server);
  const { socket, head } = takeSocket(request, reply);
  return new Promise((resolve) => {
    socket.once('close', () => resolve(undefined));
    server.handleUpgrade(request.raw, socket, head, (webSocket: WebSocket) => resolve(new SocketChannel(webSocket, clock)));
  });
}
