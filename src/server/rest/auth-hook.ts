import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type Authenticator, type Principal, requireNamespace } from '../auth.ts';
import { guardAgainstBrowsers } from './browser-guard.ts';
import { isUpgrade } from './upgrade.ts';

declare module 'fastify' {
  interface FastifyRequest {
    principal: Principal | undefined;
  }
}

/** Routes that need no key: they tell nothing that is worth one. */
const OPEN_ROUTES = new Set(['/health', '/version', '/openapi.json']);

/**
 * Has every request authenticated before anything of it is read. Paths with a namespace take a key for that namespace.
 * @param isOwnHost tells of a host name, in lower case, whether it is this server's although it is no name of loopback.
 */
export function addAuthHook(app: FastifyInstance, authenticator: Authenticator, isOwnHost: (name: string) => boolean): void {
  app.decorateRequest('principal', undefined);
  app.addHook('onRequest', async (request) => {
    const upgrade = isUpgrade(request.raw);
    if (authenticator.isOpen) guardAgainstBrowsers(upgrade ? 'UPGRADE' : request.method, request.headers, isOwnHost);
    if (isOpenRoute(request.routeOptions.url)) return;
    const { authorization, 'x-api-key': apiKey, 'sec-websocket-protocol': subprotocols } = request.headers;
    const principal = authenticator.authenticate({
      authorization,
      'x-api-key': apiKey,
      'sec-websocket-protocol': upgrade ? subprotocols : undefined,
    });
    request.principal = principal;
    const { namespace } = (request.params ?? {}) as { namespace?: string };
    if (namespace !== undefined) requireNamespace(principal, namespace);
  });
}

/** Who makes the request, on routes that need a key. */
export function principalOf(request: FastifyRequest): Principal {
  if (request.principal === undefined) throw new Error(`nobody was authenticated for ${request.routeOptions.url}`);
  return request.principal;
}

function isOpenRoute(template: string | undefined): boolean {
  return template !== undefined && (OPEN_ROUTES.has(template) || template === '/docs' || template.startsWith('/docs/'));
}
