import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type Authenticator, type Principal, requireNamespace } from '../auth.ts';
import { guardAgainstBrowsers } from './browser-guard.ts';

declare module 'fastify' {
  interface FastifyRequest {
    principal: Principal | undefined;
  }
}

/** Routes that need no key: they tell nothing that is worth one. */
const OPEN_ROUTES = new Set(['/health', '/version', '/openapi.json']);

/** Has every request authenticated before anything of it is read. Paths with a namespace take a key for that namespace. */
export function addAuthHook(app: FastifyInstance, authenticator: Authenticator, allowedHosts: readonly string[]): void {
  app.decorateRequest('principal', undefined);
  app.addHook('onRequest', async (request) => {
    if (authenticator.isOpen) guardAgainstBrowsers(request.method, request.headers, allowedHosts);
    if (isOpenRoute(request.routeOptions.url)) return;
    const principal = authenticator.authenticate(request.headers);
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
