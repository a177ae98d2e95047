import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { EntrypointError } from './entrypoint-error.ts';
import { GuestError } from './guest-error.ts';
import { createServer } from './http.ts';
import { answerEmpty, answerError, answerJson, readJson } from './http-answer.ts';
import { IdleMemory } from './idle-memory.ts';
import type { Initialisation } from './initialisation.ts';
import { MetricsReader } from './metrics.ts';
import { servePort } from './ports.ts';
import { createServices } from './services.ts';
import type { SettingsHolder } from './settings.ts';

/** Environments are at most so large: the kernel gives a program 2 MiB of them. */
const MAX_INIT_BYTES = 8 * 1024 * 1024;

type Answer = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>;

/** All that the guest serves, on connections that somebody else makes. */
export function createGuestServer(settings: SettingsHolder, initialisation: Initialisation): Server {
  const services: Answer = createServices(settings);
  const metrics = new MetricsReader();
  const routes: Readonly<Record<string, Answer>> = {
    'GET /health': (_, response) => answerEmpty(response),
    'GET /envs': (_, response) => answerJson(response, 200, settings.current.env),
    'GET /metrics': async (_, response) => answerJson(response, 200, await metrics.read()),
    'POST /init': async (request, response) => {
      const init = await readJson(request, MAX_INIT_BYTES);
      try {
        await initialisation.run(init);
        answerEmpty(response);
      } catch (error) {
        if (error instanceof EntrypointError) response.on('close', () => process.exit(error.exitStatus));
        throw error;
      }
    },
  };
  const files: Answer = async (request, response) => {
    const { serveFiles } = await import('./files/serve-files.ts');
    await serveFiles(request, response, settings);
  };
  const memory = new IdleMemory();
  const working =
    (answer: Answer): Answer =>
    (request, response) => {
      memory.worked();
      response.on('close', () => memory.worked());
      return answer(request, response);
    };
  const routeOf = (method: string, path: string): Answer => {
    if (/^\/(?:process\.Process|filesystem\.Filesystem)\//.test(path)) return working(services);
    if (/^\/files(?:\/|$)/.test(path)) return working(files);
    const route = routes[`${method} ${path}`];
    if (route === undefined) throw new GuestError('invalid_request', `there is no ${method} ${path}`);
    return route;
  };
  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    try {
      const [path = ''] = (request.url ?? '').split('?', 1);
      await routeOf(request.method ?? '', path)(request, response);
    } catch (error) {
      answerError(response, error);
    }
  };

  const server = createServer({ keepAliveTimeout: 0, requestTimeout: 0, headersTimeout: 0 });
  server.on('request', (request, response) => void answer(request, response));
  server.on('connect', (request, socket, head) => void servePort(request, socket, head));
  return server;
}
