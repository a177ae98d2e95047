import { STATUS_CODES } from 'node:http';
import { pipeline } from 'node:stream/promises';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { takeSocket } from '../upgrade.ts';
import { type AppAnswer, pairs } from './forward-request.ts';
import { joinStreams } from './join-streams.ts';
import { toClientHeaders } from './proxy-headers.ts';

/**
 * Gives the client what a program in a sandbox answers, as fast as the client takes it. An answer that breaks off breaks off
 * for the client too. Never throws.
 * @param prefix path of the API that the program is reached under, when it has no origin of its own.
 */
export async function relayAnswer({ response }: AppAnswer, request: FastifyRequest, reply: FastifyReply, prefix?: string): Promise<void> {
  reply.hijack();
  const { raw } = reply;
  const status = response.statusCode ?? 502;
  const headers = toClientHeaders(response.rawHeaders, prefix);
  const length = response.headers['content-length'];
  if (length !== undefined && response.headers['transfer-encoding'] === undefined && status !== 204)
    headers.push(['Content-Length', length]);
  if (response.headers['x-request-id'] === undefined) headers.push(['X-Request-Id', request.id]);
  try {
    raw.writeHead(status, headers.flat());
    response.once('end', () => {
      if (response.rawTrailers.length > 0 && response.headers.trailer !== undefined) raw.addTrailers(pairs(response.rawTrailers));
    });
    await pipeline(response, raw);
  } catch {
    // One side has gone; there is nobody left to tell.
    response.destroy();
    raw.destroy();
  }
}

/** Likewise for a program that changed to another protocol: bytes go both ways from here on. */
export async function relayUpgrade(
  { response, upgraded }: AppAnswer,
  request: FastifyRequest,
  reply: FastifyReply,
  prefix?: string,
): Promise<void> {
  const { socket, head } = takeSocket(request, reply);
  const connection = response.socket;
  // Peers that have gone without a word are noticed in the end.
  socket.setKeepAlive(true, 60_000);
  const headers = toClientHeaders(response.rawHeaders, prefix).filter(([name]) => name.toLowerCase() !== 'content-security-policy');
  const lines = [['Connection', 'Upgrade'], ['Upgrade', response.headers.upgrade ?? ''], ...headers].map(
    ([name, value]) => `${name}: ${value}`,
  );
  socket.write(`HTTP/1.1 101 ${STATUS_CODES[101]}\r\n${lines.join('\r\n')}\r\n\r\n`, 'latin1');
  // Not put back where they came from: that side may have ended already.
  if (upgraded !== undefined) socket.write(upgraded.head);
  connection.write(head);
  await joinStreams(socket, connection);
}
