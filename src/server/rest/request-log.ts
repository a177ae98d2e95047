import type { FastifyInstance } from 'fastify';
import type { Logger } from '../../lib/logger.ts';
import type { Metrics } from '../metrics.ts';

/** Gives every answer its request id, and counts and logs every request: never its body, headers or query. */
export function addRequestLog(app: FastifyInstance, { log, metrics }: { log: Logger; metrics: Metrics }): void {
  app.addHook('onRequest', async (request, reply) => {
    reply.header('x-request-id', request.id);
  });
  app.addHook('onResponse', async (request, reply) => {
    const route = request.routeOptions.url ?? 'unmatched';
    metrics.requestFinished(request.method, route, reply.statusCode, reply.elapsedTime);
    const fields = {
      request_id: request.id,
      method: request.method,
      route,
      status: reply.statusCode,
      duration_ms: Math.round(reply.elapsedTime),
      key: request.principal?.name,
    };
    if (request.method === 'GET' && reply.statusCode < 400) log.debug(fields, 'request');
    else log.info(fields, 'request');
  });
}
