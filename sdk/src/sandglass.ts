import type { CallOptions } from './call-options.ts';
import { environmentVariable } from './environment.ts';
import { SandglassError } from './errors.ts';
import { Executors } from './executors.ts';
import { Files } from './files.ts';
import { Ports } from './ports.ts';
import { Processes } from './processes.ts';
import { DEFAULT_RETRY, type RetryPolicy, sleep } from './retry.ts';
import { Sandboxes } from './sandboxes.ts';
import { Snapshots } from './snapshots.ts';
import type { WebSocketClass } from './socket.ts';
import { Terminals } from './terminals.ts';
import { Transport } from './transport.ts';
import type { Readiness, ServerVersion } from './types.ts';

export const DEFAULT_URL = 'http://127.0.0.1:8900';
export const DEFAULT_NAMESPACE = 'default';

export interface SandglassOptions {
  /** Of the server; `SANDGLASS_URL` of the environment otherwise, and `http://127.0.0.1:8900` without that. */
  readonly url?: string | undefined;
  /** `SANDGLASS_API_KEY` of the environment otherwise. It travels in a header, never in a URL. */
  readonly apiKey?: string | undefined;
  /** `SANDGLASS_NAMESPACE` of the environment otherwise, and `default` without that. */
  readonly namespace?: string | undefined;
  /** Instead of the global one. */
  readonly fetch?: typeof fetch | undefined;
  /** Instead of the global one, which Node has from 22 on: the class of the package `ws`, for example. */
  readonly webSocket?: WebSocketClass | undefined;
  /** How calls that failed for the moment are repeated. */
  readonly retry?: Partial<RetryPolicy> | undefined;
}

/** A client of one server and one namespace. It holds no connection: there is nothing to close. */
export class Sandglass {
  readonly url: string;
  readonly namespace: string;
  readonly sandboxes: Sandboxes;
  readonly processes: Processes;
  readonly files: Files;
  readonly terminals: Terminals;
  readonly ports: Ports;
  readonly snapshots: Snapshots;
  readonly executors: Executors;
  readonly #transport: Transport;

  /** @throws SandglassError `invalid_options` for a URL that is not http or https or that carries credentials, and for a key that no header can carry. */
  constructor(options: SandglassOptions = {}) {
    this.url = parseUrl(options.url ?? environmentVariable('SANDGLASS_URL') ?? DEFAULT_URL);
    this.namespace = options.namespace ?? environmentVariable('SANDGLASS_NAMESPACE') ?? DEFAULT_NAMESPACE;
    this.#transport = new Transport({
      url: this.url,
      apiKey: parseApiKey(options.apiKey ?? environmentVariable('SANDGLASS_API_KEY')),
      retry: { ...DEFAULT_RETRY, ...options.retry },
      // A browser's fetch must not be called as a method of something else.
      fetch: options.fetch ?? ((input, init) => globalThis.fetch(input, init)),
      webSocket: options.webSocket,
      sleep,
      random: Math.random,
      now: Date.now,
    });
    this.sandboxes = new Sandboxes(this.#transport, this.namespace);
    this.processes = new Processes(this.#transport, this.namespace);
    this.files = new Files(this.#transport, this.namespace);
    this.terminals = new Terminals(this.#transport, this.namespace);
    this.ports = new Ports(this.#transport, this.namespace);
    this.snapshots = new Snapshots(this.#transport, this.namespace);
    this.executors = new Executors(this.#transport);
  }

  /** Resolves when the server is alive. @throws SandglassError `unreachable`. */
  async health({ signal }: CallOptions = {}): Promise<void> {
    await this.#transport.json({ method: 'GET', path: '/health', repeatable: 'safe', signal });
  }

  /** Whether the server can serve, and why not. @throws SandglassError `unreachable`. */
  ready({ signal }: CallOptions = {}): Promise<Readiness> {
    return this.#transport.probe<Readiness>({ method: 'GET', path: '/ready', repeatable: 'safe', signal });
  }

  /** What the server runs. @throws SandglassError `unreachable`. */
  async version({ signal }: CallOptions = {}): Promise<ServerVersion> {
    const call = { method: 'GET', path: '/version', repeatable: 'safe', signal } as const;
    return (await this.#transport.json<ServerVersion>(call)).body;
  }
}

/** What a header can carry. Checked here, because the error of the platform would show the key. */
function parseApiKey(key: string | undefined): string | undefined {
  if (key === undefined || /^[\x21-\x7e]+$/.test(key)) return key;
  throw new SandglassError(
    'invalid_argument',
    'invalid_options',
    'the API key holds spaces, line breaks or other characters that no key has',
  );
}

function parseUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    throw invalidUrl(`${JSON.stringify(text)} is not the URL of a server: it should look like ${DEFAULT_URL}`);
  }
  if (url.username !== '' || url.password !== '') throw invalidUrl('a URL must not carry credentials: pass the key as `apiKey`');
  return `${url.origin}${url.pathname.replace(/\/+$/, '')}`;
}

function invalidUrl(message: string): SandglassError {
  return new SandglassError('invalid_argument', 'invalid_options', message);
}
