import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Clock } from '../../lib/clock.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The route takes bodies of any length, for as long as they take. */
    streamsBody?: boolean;
  }
}

/** How long the body of a request may take to arrive, counted from its headers. */
const BODY_TIMEOUT_MS = 60_000;

/**
 * Gives up requests whose body does not arrive in time, except on routes that stream it to somebody with a key. Node's own
 * `requestTimeout` knows no such difference.
 */
export function addBodyDeadline(app: FastifyInstance, clock: Clock): void {
  app.addHook('onRequest', async (request, reply) => {
    const { raw } = request;
    if (!hasBody(request)) return;
    const cancel = clock.schedule(BODY_TIMEOUT_MS, () => {
      const isTaken = request.routeOptions.config.streamsBody && request.principal !== undefined;
      if (isTaken && !reply.raw.writableEnded) return;
      if (reply.raw.headersSent) raw.destroy();
      else app.server.emit('clientError', Object.assign(new Error('the body is late'), { code: 'ERR_HTTP_REQUEST_TIMEOUT' }), raw.socket);
    });
    raw.once('end', cancel).once('close', cancel);
  });
}

function hasBody({ headers }: FastifyRequest): boolean {
  return headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0';
}
