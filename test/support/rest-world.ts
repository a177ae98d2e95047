import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { afterEach, expect, vi } from 'vitest';
import type { ControlSettings } from '../../src/control/context.ts';
import type { Control } from '../../src/control/control.ts';
import type { Logger } from '../../src/lib/logger.ts';
import type { ApiKey } from '../../src/server/auth.ts';
import { Metrics } from '../../src/server/metrics.ts';
import { createRestServer, type RestServer, type RestServerOptions } from '../../src/server/rest/rest-server.ts';
import type { SandboxLink } from '../../src/server/sandbox-link.ts';
import { ControlWorld } from './control-world.ts';
import { OpenApiCheck } from './openapi-check.ts';
import type { ScriptedExecutor } from './scripted-executor.ts';
import { ScriptedGuests } from './scripted-guests.ts';

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: tests say what they expect of it, and the OpenAPI document is held against it.
  readonly body: any;
}

interface Call {
  /** Sent as JSON; a string is sent as it is. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface RestWorldOptions
  extends Partial<Pick<RestServerOptions, 'apiKeys' | 'allowedHosts' | 'links' | 'notReadyBecause' | 'sandboxDomain' | 'store' | 'tls'>> {
  /** Puts something between the API and the control plane. */
  readonly wrapControl?: (control: Control) => Control;
  readonly settings?: Partial<ControlSettings>;
  /** What runs in the sandboxes, in place of scripts. */
  readonly guests?: Pick<SandboxLink, 'connectGuest'>;
  /** False: the executor does nothing until told to. */
  readonly auto?: boolean;
}

const worlds: RestWorld[] = [];
afterEach(async () => {
  for (const world of worlds.splice(0)) await world.close();
});

/** The REST API over HTTP on a free port, on a control plane in memory with one executor. Every JSON answer is held against the OpenAPI document. */
export class RestWorld {
  readonly world: ControlWorld;
  readonly executor: ScriptedExecutor;
  /** Stands for what runs in the sandboxes, unless the world has guests of its own. */
  readonly commands: ScriptedGuests;
  readonly metrics: Metrics;
  readonly port: number;
  /** Lines that the server logged. */
  readonly logged: Record<string, unknown>[];
  readonly #server: RestServer;
  #openApi: OpenApiCheck | undefined;

  private constructor(parts: Pick<RestWorld, 'world' | 'executor' | 'commands' | 'metrics' | 'port' | 'logged'>, server: RestServer) {
    this.world = parts.world;
    this.executor = parts.executor;
    this.commands = parts.commands;
    this.metrics = parts.metrics;
    this.port = parts.port;
    this.logged = parts.logged;
    this.#server = server;
  }

  static async create(options: RestWorldOptions = {}): Promise<RestWorld> {
    const { settings = {}, auto = true, wrapControl = (control) => control, guests, ...rest } = options;
    const world = await ControlWorld.create(settings);
    const executor = await world.connect({ auto });
    const commands = new ScriptedGuests();
    const metrics = new Metrics({ version: '1.2.3' });
    const logged: Record<string, unknown>[] = [];
    const { store, clock } = world;
    const parts = {
      control: wrapControl(world.control),
      store,
      clock,
      links: { ...NO_TELEMETRY, connectGuest: guestsOf(guests ?? commands) },
      metrics,
      log: recorder(logged),
    };
    const server = await createRestServer({ ...parts, apiKeys: [], version: '1.2.3', ...rest });
    const { port } = await server.listen('127.0.0.1', 0);
    const created = new RestWorld({ world, executor, commands, metrics, port, logged }, server);
    worlds.push(created);
    return created;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Sends a request and reads its JSON answer. Paths that do not begin with `/` are below the namespace `default`. */
  async call(method: string, path: string, { body, headers = {} }: Call = {}): Promise<Answer> {
    const response = await this.send(method, path, { body, headers });
    const text = await response.text();
    const isJson = response.headers.get('content-type')?.startsWith('application/json') ?? false;
    const answer = { status: response.status, headers: response.headers, body: isJson ? JSON.parse(text) : text };
    if (isJson) expect((await this.openApi()).problemOf(method, absolute(path), answer.status, answer.body)).toBeUndefined();
    return answer;
  }

  send(method: string, path: string, { body, headers = {} }: Call = {}, signal?: AbortSignal): Promise<Response> {
    return fetch(this.url + absolute(path), {
      method,
      headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      ...(signal === undefined ? {} : { signal }),
    });
  }

  async openApi(): Promise<OpenApiCheck> {
    this.#openApi ??= new OpenApiCheck((await (await fetch(`${this.url}/openapi.json`)).json()) as OpenApiCheck['document']);
    return this.#openApi;
  }

  /** Resolves once the server has set a timer for `ms` from now: it has begun to wait for something. */
  async timerOf(ms: number): Promise<void> {
    const { clock } = this.world;
    await vi.waitFor(() => expect(clock.scheduled).toContain(clock.now() + ms), { interval: 1, timeout: 10_000 });
  }

  async close(): Promise<void> {
    await this.#server.close();
  }
}

function guestsOf(guests: Pick<SandboxLink, 'connectGuest'>): SandboxLink['connectGuest'] {
  return (executorId, sandboxId, signal) => guests.connectGuest(executorId, sandboxId, signal);
}

const NO_TELEMETRY: Pick<SandboxLink, 'logs' | 'metrics'> = {
  logs: () => Readable.from([]),
  metrics: async () => {
    throw new Error('nothing is measured here');
  },
};

function absolute(path: string): string {
  return path.startsWith('/') ? path : `/v1/namespaces/default/${path}`;
}

function recorder(lines: Record<string, unknown>[]): Logger {
  const write = (level: string) => (fields: object, message: string) => {
    lines.push({ ...fields, level, message });
  };
  return { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error'), child: () => recorder(lines) };
}

/** A configured key for `key`. */
export function apiKey(key: string, rights: { namespace: string } | { admin: true }): ApiKey {
  return { name: `key of ${key}`, hash: createHash('sha256').update(key).digest('hex'), ...rights } as ApiKey;
}

/** The events of an answer with `text/event-stream`, as they come. */
export async function* eventsOf(response: Response): AsyncGenerator<{ event: string; id?: string; data: Record<string, unknown> }> {
  let text = '';
  for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    text += chunk;
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      const fields = Object.fromEntries(text.slice(0, end).split('\n').map(field));
      text = text.slice(end + 2);
      if (fields.event !== undefined)
        yield { event: fields.event, ...(fields.id && { id: fields.id }), data: JSON.parse(fields.data ?? '') };
    }
  }
}

function field(line: string): [string, string] {
  const colon = line.indexOf(': ');
  return [line.slice(0, colon), line.slice(colon + 2)];
}
