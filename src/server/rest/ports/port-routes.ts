import http from 'node:http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { type Namespace, parseId, parseNamespace } from '../../../model/ids.ts';
import { type Authenticator, requireNamespace } from '../../auth.ts';
import { responses } from '../answers.ts';
import { principalOf } from '../auth-hook.ts';
import { invalidField } from '../invalid-request.ts';
import { type App, answerSignal, type RestContext } from '../rest-context.ts';
import { unmatched } from '../route-table.ts';
import { runningSandbox } from '../running-sandbox.ts';
import { PortParams } from '../schemas/ports.ts';
import { isUpgrade, wantedProtocol } from '../upgrade.ts';
import { connectPort, type PortTarget } from './connect-port.ts';
import { forwardRequest } from './forward-request.ts';
import type { PortHost, PortHosts } from './port-hosts.ts';
import { originForm, PORT_HOST_PATH, splitPortUrl } from './port-urls.ts';
import { toAppHeaders } from './proxy-headers.ts';
import { relayAnswer, relayUpgrade } from './relay-answer.ts';

export interface PortRoutesOptions {
  readonly authenticator: Pick<Authenticator, 'isKey'>;
}

/** Where a request goes, and how its client names the place. */
interface Destination extends PortTarget {
  /** Path and query as the program is to see them. */
  readonly path: string;
  readonly appHost: string;
  /** See `ForwardedFrom`. */
  readonly prefix?: string;
}

const PORT = '/sandboxes/:sandbox_id/ports/:port';
const config = { upgrades: 'any', streamsBody: true } as const;

/** Has requests of every method go through to programs in sandboxes, below a path of the API. */
export function portRoutes(app: App, rest: RestContext, options: PortRoutesOptions): void {
  takeBodiesAsTheyAre(app);
  const method = app.supportedMethods;
  const schema = { params: PortParams, hide: true };

  // Relative: a proxy in front may have put a prefix before the path.
  app.route({ method, url: PORT, schema, exposeHeadRoute: false, handler: async (request, reply) => redirectBelow(request, reply) });

  const toProgram = async (request: FastifyRequest, reply: FastifyReply) => {
    const params = request.params as { namespace: string; sandbox_id: string; port: string };
    const ns = parseNamespace(params.namespace);
    const place = await runningSandbox(rest.control, ns, parseId('sandbox', params.sandbox_id));
    const { prefix, path } = splitPortUrl(request.originalUrl);
    const port = Number(params.port);
    await proxy(request, reply, { ...place, port, path, prefix, appHost: `localhost:${port}` }, rest, options);
  };
  app.get(
    `${PORT}/`,
    {
      config,
      exposeHeadRoute: false,
      schema: {
        tags: ['sandboxes'],
        operationId: 'proxyPort',
        summary: 'Reach a program that listens on a port in a sandbox, over HTTP',
        description:
          'Takes every method, every path below, WebSockets and other upgrades. Pages from it have no origin, and cookies go neither way; ' +
          'with `server.sandbox_domain`, a host name for each port has both. See docs/ports.md.',
        params: PortParams,
        response: { ...responses({}), default: { description: 'Whatever the program answers.' } },
      },
    },
    toProgram,
  );
  app.route({ method: method.filter((one) => one !== 'GET'), url: `${PORT}/`, config, schema, handler: toProgram });
}

/** Likewise for the host names of ports: there every path is the program's. */
export function portHostRoute(app: App, rest: RestContext, hosts: PortHosts, options: PortRoutesOptions): void {
  takeBodiesAsTheyAre(app);
  const handler = async (request: FastifyRequest, reply: FastifyReply) => {
    const named = hosts.parse(request.headers.host);
    if (named === undefined) throw unmatched(request.method, PORT_HOST_PATH, []);
    const path = originForm(request.originalUrl);
    const port = parsePort(named);
    const place = await runningSandbox(rest.control, namespaceOf(request), named.sandboxId);
    await proxy(request, reply, { ...place, port, path, appHost: request.headers.host ?? '' }, rest, options);
  };
  app.route({ method: app.supportedMethods, url: PORT_HOST_PATH, config, schema: { hide: true }, exposeHeadRoute: false, handler });
}

async function proxy(
  request: FastifyRequest,
  reply: FastifyReply,
  { path, prefix, appHost, ...target }: Destination,
  rest: RestContext,
  { authenticator }: PortRoutesOptions,
): Promise<FastifyReply> {
  const { raw } = request;
  const headers = toAppHeaders(raw.rawHeaders, {
    address: raw.socket.remoteAddress ?? 'unknown',
    host: raw.headers.host ?? '',
    scheme: 'encrypted' in raw.socket ? 'https' : 'http',
    appHost,
    isKey: (text) => authenticator.isKey(text),
    ...(prefix === undefined ? {} : { prefix }),
  });
  const protocol = isUpgrade(raw) ? wantedProtocol(raw) : undefined;
  const signal = answerSignal(reply, rest);
  const connection = await connectPort(rest.links, target, rest.clock, signal);
  const onAbort = () => connection.destroy();
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  try {
    const answer = await forwardRequest({ connection, incoming: raw, path, headers, protocol });
    if (answer.upgraded === undefined) {
      // An answer that has begun may come to its end while the server closes; a connection without an end may not.
      signal.removeEventListener('abort', onAbort);
      await relayAnswer(answer, request, reply, prefix);
    } else await relayUpgrade(answer, request, reply, prefix);
    return reply;
  } catch (error) {
    throw signal.aborted ? signal.reason : error;
  } finally {
    connection.destroy();
  }
}

/** Nothing is parsed: the type of a body is between the client and the program. */
function takeBodiesAsTheyAre(app: App): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (_request, _payload, done) => done(null));
  app.addHook('onRequest', async ({ raw }) => {
    raw.headers['content-type'] = 'application/octet-stream';
  });
}

/** Methods that programs may take, besides those that fastify knows. */
export function addAllMethods(app: App): void {
  for (const method of http.METHODS) {
    if (method !== 'CONNECT' && !app.supportedMethods.includes(method)) app.addHttpMethod(method);
  }
}

async function redirectBelow(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const { port } = request.params as { port: string };
  const query = request.originalUrl.split('?').slice(1).join('?');
  return reply
    .header('location', `${port}/${query === '' ? '' : `?${query}`}`)
    .status(308)
    .send();
}

function parsePort({ port }: PortHost): number {
  if (port >= 1 && port <= 65_535) return port;
  throw invalidField('host', `host: ${port} is no port; they are 1 to 65535`);
}

/** A key is for one namespace, or the request names it; a host name has no room for it. */
function namespaceOf(request: FastifyRequest): Namespace {
  const principal = principalOf(request);
  const named = request.headers['x-namespace'];
  const namespace = parseNamespace(String(named ?? principal.namespace ?? 'default'));
  requireNamespace(principal, namespace);
  return namespace;
}
