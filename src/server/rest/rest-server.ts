import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import fastify from 'fastify';
import type { Control } from '../../control/control.ts';
import type { Clock } from '../../lib/clock.ts';
import { compact } from '../../lib/compact.ts';
import { type Logger, silentLogger } from '../../lib/logger.ts';
import { SandglassError } from '../../model/errors.ts';
import type { Store } from '../../store/store.ts';
import { type ApiKey, Authenticator } from '../auth.ts';
import { GuestClients, type GuestTarget } from '../guests/guest-clients.ts';
import { GuestCommandRunner } from '../guests/guest-command-runner.ts';
import type { Metrics } from '../metrics.ts';
import type { SandboxLink } from '../sandbox-link.ts';
import { addAuthHook } from './auth-hook.ts';
import { addBodyDeadline } from './body-deadline.ts';
import { addBodyParser, BODY_LIMIT_BYTES } from './body-parser.ts';
import { errorHandler } from './error-handler.ts';
import { execRoute } from './exec-route.ts';
import { executorRoutes } from './executor-routes.ts';
import { fileContentRoutes } from './file-content-routes.ts';
import { fileRoutes } from './file-routes.ts';
import { type HttpServerOptions, serverFactory, type TlsOptions } from './http-server.ts';
import { Idempotency } from './idempotency.ts';
import { logRoutes } from './log-routes.ts';
import { addOpenApi } from './openapi.ts';
import { PortHosts } from './ports/port-hosts.ts';
import { addAllMethods, portHostRoute, portRoutes } from './ports/port-routes.ts';
import { routedUrl } from './ports/port-urls.ts';
import { tcpRoute } from './ports/tcp-route.ts';
import { processRoutes } from './process-routes.ts';
import { addRequestLog } from './request-log.ts';
import type { App, RestContext } from './rest-context.ts';
import { RouteTable, unmatched } from './route-table.ts';
import { sandboxRoutes } from './sandbox-routes.ts';
import { snapshotRoutes } from './snapshot-routes.ts';
import { systemRoutes } from './system-routes.ts';
import { terminalRoute } from './terminal/terminal-route.ts';
import { wantedProtocol } from './upgrade.ts';
import { validatorCompiler } from './validation.ts';

export interface RestServerOptions {
  readonly control: Control;
  /** How it reaches into sandboxes. */
  readonly links: SandboxLink;
  /** Holds the answers to requests with an `Idempotency-Key`. */
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** None: everybody who can connect may do everything. For loopback only. */
  readonly apiKeys: readonly ApiKey[];
  readonly version: string;
  /** Host names besides those of loopback that requests may name while there are no keys; in lower case, without port. */
  readonly allowedHosts?: readonly string[];
  readonly tls?: TlsOptions;
  /** Requests to `PORT-SANDBOXID.` below this domain go to that port of the sandbox. */
  readonly sandboxDomain?: string;
  /** Why the rest of the program is not ready, one sentence each. */
  readonly notReadyBecause?: () => readonly string[];
}

/** How long requests under way have to end when the server closes. Clients that do not read their answers are cut off then. */
const CLOSE_TIMEOUT_MS = 5000;

export interface RestServer {
  /** Port 0 takes any free one. @throws when the address can't be bound (`EADDRINUSE` …). */
  listen(host: string, port: number): Promise<AddressInfo>;
  /** Ends waits and event streams, lets other requests finish, and frees the port. */
  close(): Promise<void>;
}

/** The REST API: translates HTTP to `Control` and to what guests speak, and back. */
export async function createRestServer(options: RestServerOptions): Promise<RestServer> {
  const { control, links, clock, log, metrics, version, allowedHosts = [], notReadyBecause = () => [] } = options;
  const closing = new AbortController();
  const guests = new GuestClients({ links, clock, isFrozen: (target) => isPaused(control, target) });
  const rest: RestContext = {
    control,
    links,
    guests,
    commands: new GuestCommandRunner(guests),
    clock,
    log,
    closing: closing.signal,
    idempotency: new Idempotency(options),
  };
  const authenticator = new Authenticator(options.apiKeys);
  const portHosts = new PortHosts(options.sandboxDomain);
  const routes = new RouteTable();
  const takesUpgrade = (request: IncomingMessage) => {
    const protocol = wantedProtocol(request);
    return protocol !== undefined && routes.takesUpgrade(routedUrl(request, portHosts).split('?', 1)[0] ?? '', protocol);
  };
  const app = createApp({ ...compact({ tls: options.tls }), takesUpgrade }, portHosts);
  routes.record(app);
  addAllMethods(app);
  addBodyParser(app);
  addBodyDeadline(app, clock);
  addRequestLog(app, { log, metrics });
  // A connection that becomes idle while the server closes would keep it from closing: it does with the answer, or with the rest
  // of a body that nobody wanted.
  app.addHook('onResponse', async ({ raw }) => {
    const closeIdle = () => {
      if (closing.signal.aborted) setImmediate(() => app.server.closeIdleConnections());
    };
    if (raw.readableEnded) closeIdle();
    else raw.once('end', closeIdle);
  });
  addAuthHook(app, authenticator, (name) => allowedHosts.includes(name) || portHosts.parse(name) !== undefined);
  app.setErrorHandler(errorHandler(log));
  app.setNotFoundHandler(async (request, reply) => {
    const path = request.url.split('?', 1)[0] ?? '';
    const allowed = routes.methodsOf(path);
    if (allowed.length > 0) reply.header('allow', allowed.join(', '));
    throw unmatched(request.method, path, allowed);
  });
  await addOpenApi(app, { version });
  systemRoutes(app, rest, { version, metrics, notReadyBecause });
  app.register(
    (v1: App, _options, done) => {
      executorRoutes(v1, rest);
      done();
    },
    { prefix: '/v1' },
  );
  app.register(
    (namespaced: App, _options, done) => {
      sandboxRoutes(namespaced, rest);
      snapshotRoutes(namespaced, rest);
      execRoute(namespaced, rest);
      processRoutes(namespaced, rest);
      fileRoutes(namespaced, rest);
      fileContentRoutes(namespaced, rest);
      terminalRoute(namespaced, rest);
      tcpRoute(namespaced, rest);
      logRoutes(namespaced, rest);
      namespaced.register((ports: App, _ports, registered) => {
        portRoutes(ports, rest, { authenticator });
        registered();
      });
      done();
    },
    { prefix: '/v1/namespaces/:namespace' },
  );
  app.register((ports: App, _options, done) => {
    portHostRoute(ports, rest, portHosts, { authenticator });
    done();
  });
  await app.ready();

  return {
    async listen(host, port) {
      await app.listen({ host, port });
      return app.server.address() as AddressInfo;
    },
    async close() {
      closing.abort(new SandglassError('shutting_down', 'the server is shutting down; try again in a moment'));
      const cancelTimer = clock.schedule(CLOSE_TIMEOUT_MS, () => app.server.closeAllConnections());
      await app.close();
      cancelTimer();
      guests.close();
    },
  };
}

async function isPaused(control: Control, { namespace, sandboxId }: GuestTarget): Promise<boolean> {
  return (await control.getSandbox(namespace, sandboxId)).status === 'paused';
}

function createApp(httpOptions: HttpServerOptions, portHosts: PortHosts): App {
  const app = fastify({
    logger: false,
    serverFactory: serverFactory(httpOptions),
    rewriteUrl: (request) => routedUrl(request, portHosts),
    bodyLimit: BODY_LIMIT_BYTES,
    // Longer than any id or name; what is longer names nothing.
    routerOptions: { maxParamLength: 256 },
    genReqId: () => `req-${randomUUID()}`,
    // Requests that are under way when the server closes are answered by their own routes.
    return503OnClosing: false,
    frameworkErrors: (error, request, reply) => {
      reply.header('x-request-id', request.id);
      errorHandler(silentLogger)(error, request, reply);
    },
  }).withTypeProvider<TypeBoxTypeProvider>();
  app.setValidatorCompiler(validatorCompiler);
  return app;
}
