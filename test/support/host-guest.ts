import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { Agent, type ClientRequestArgs, request } from 'node:http';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../../src/guest/main.ts', import.meta.url));

/** What the guest is told at its start; see `POST /init`. */
export interface HostGuestInit {
  readonly env?: Readonly<Record<string, string>>;
  readonly user?: string;
  readonly workdir?: string;
  readonly entrypoint?: readonly string[];
}

/**
 * The guest's program on this host, outside of any sandbox, as the user of the test: its processes and files are the host's.
 * This is the side that listens, in a temporary folder.
 */
export class HostGuest {
  /** All that the guest has printed: its own log, and its entrypoint's. */
  output = '';
  readonly child: ChildProcess;
  readonly #folder: string;
  readonly #listener: Server;
  readonly #waiting: Socket[] = [];
  readonly #wanted: ((socket: Socket) => void)[] = [];
  readonly #sockets = new Set<Socket>();
  readonly #agent: Agent;

  private constructor(folder: string, listener: Server, main: string) {
    this.#folder = folder;
    this.#listener = listener;
    listener.on('connection', (socket) => this.#take(socket));
    this.#agent = guestAgent(() => this.connect());
    const flags = ['--v8-pool-size=0', '--max-old-space-size=64', '--max-semi-space-size=1'];
    this.child = spawn(process.execPath, [...flags, main, '--socket', this.path], { stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [this.child.stdout, this.child.stderr]) stream?.on('data', (chunk) => (this.output += String(chunk)));
  }

  /** Starts a guest and waits until it is ready. The caller closes it. @param main the program, when a bundle is wanted. */
  static async start(init: HostGuestInit = {}, main = MAIN): Promise<HostGuest> {
    const guest = await HostGuest.startUntold(main);
    const died = once(guest.child, 'exit').then(() => ({ status: 0, body: guest.output }));
    const { status, body } = await Promise.race([guest.fetch('POST', '/init', { env: {}, ...init }), died]);
    if (status === 204) return guest;
    await guest.close();
    throw new Error(`the guest is not ready (${status}): ${body}`);
  }

  /** Starts a guest that is not told anything yet. The caller closes it. */
  static async startUntold(main = MAIN): Promise<HostGuest> {
    const folder = mkdtempSync(join(tmpdir(), 'sandglass-guest-'));
    const listener = createServer({ allowHalfOpen: true });
    listener.listen(join(folder, 'guest.sock'));
    await once(listener, 'listening');
    return new HostGuest(folder, listener, main);
  }

  /** Path of the unix socket that the guest connects to. */
  get path(): string {
    return join(this.#folder, 'guest.sock');
  }

  /** For HTTP requests to the guest; each of its connections is one that the guest has made. */
  get agent(): Agent {
    return this.#agent;
  }

  /** Connections that the guest has made and nobody has taken. */
  get spares(): number {
    return this.#waiting.length;
  }

  /** Connections that are open, taken or not. */
  get connections(): number {
    return this.#sockets.size;
  }

  /** A connection that the guest has made, to speak HTTP/1.1 on as the client. */
  connect(): Promise<Duplex> {
    const socket = this.#waiting.shift();
    if (socket !== undefined) return Promise.resolve(socket);
    const { promise, resolve } = Promise.withResolvers<Duplex>();
    this.#wanted.push(resolve);
    return promise;
  }

  /** One request, with JSON when there is a body. */
  async fetch(
    method: string,
    path: string,
    body?: unknown,
  ): Promise<{ status: number; headers: NodeJS.Dict<string | string[]>; body: string }> {
    const call = request({ agent: this.#agent, host: 'guest', method, path, headers: { 'content-type': 'application/json' } });
    call.end(body === undefined ? undefined : JSON.stringify(body));
    const [response] = await once(call, 'response');
    let text = '';
    for await (const chunk of response) text += String(chunk);
    return { status: response.statusCode, headers: response.headers, body: text };
  }

  /** Ends the listener and all connections, as when the executor is stopped. */
  async stopListening(): Promise<void> {
    this.#listener.close();
    await this.breakConnections();
    if (this.#listener.listening) await once(this.#listener, 'close');
  }

  /** Listens again, as when the executor is started again. */
  async listenAgain(): Promise<void> {
    rmSync(this.path, { force: true });
    this.#listener.listen(this.path);
    await once(this.#listener, 'listening');
  }

  /** Resolves once the guest has noticed which connections are no more. */
  async untilSettled(): Promise<void> {
    while (openSockets(this.child.pid ?? 0) > this.#sockets.size) await sleep(5);
  }

  /** Breaks all connections at once. */
  async breakConnections(): Promise<void> {
    await Promise.all([...this.#sockets].map((socket) => once(socket.destroy(), 'close')));
  }

  /** Ends the guest, unless it has ended, and removes what there is of it. */
  async close(): Promise<void> {
    this.#agent.destroy();
    this.#listener.close();
    await this.breakConnections();
    if (this.child.exitCode === null && this.child.signalCode === null) {
      this.child.kill('SIGKILL');
      await once(this.child, 'exit');
    }
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #take(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('error', () => {}); // `close` follows
    socket.on('close', () => {
      this.#sockets.delete(socket);
      const index = this.#waiting.indexOf(socket);
      if (index >= 0) this.#waiting.splice(index, 1);
    });
    const wanted = this.#wanted.shift();
    if (wanted === undefined) this.#waiting.push(socket);
    else wanted(socket);
  }
}

/** Sockets that a process holds, without its standard streams. */
function openSockets(pid: number): number {
  const path = `/proc/${pid}/fd`;
  const links = readdirSync(path).map((name) => {
    try {
      return Number(name) > 2 ? readlinkSync(join(path, name)) : '';
    } catch {
      return ''; // closed meanwhile
    }
  });
  return links.filter((link) => link.startsWith('socket:')).length;
}

function guestAgent(connect: () => Promise<Duplex>): Agent {
  const agent = new Agent({ keepAlive: true });
  return Object.assign(agent, {
    createConnection(_options: ClientRequestArgs, done: (error: Error | null, stream?: Duplex) => void) {
      connect().then((socket) => done(null, socket), done);
    },
  });
}
