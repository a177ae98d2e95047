import { Agent, type ClientRequestArgs, request } from 'node:http';
import type { Duplex } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { type Client, ConnectError, createClient } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-node';
import { SandglassError } from '../../src/model/errors.ts';
import { isReason } from '../../src/model/reasons.ts';
import { Process, type ProcessEvent, Signal } from '../../src/rpc/gen/process/process_pb.js';

const SIGNALS: Readonly<Record<string, number>> = { hangup: 1, interrupt: 2, killed: 9, terminated: 15 };

export interface CommandRequest {
  /** Program and arguments. */
  readonly command: readonly string[];
  /** On top of the sandbox's. */
  readonly env?: Readonly<Record<string, string>>;
  readonly workdir?: string;
  readonly user?: string;
  /** Whether standard input is open; it is empty otherwise. */
  readonly stdin?: boolean;
  /** A terminal for the command. */
  readonly pty?: { readonly cols: number; readonly rows: number };
}

/** Speaks with a guest, over connections that `connect` makes. Errors are SandglassErrors with the reason that was given. */
export class GuestClient {
  readonly #agent: Agent;
  readonly #processes: Client<typeof Process>;

  constructor(connect: () => Promise<Duplex>) {
    this.#agent = new ConnectingAgent(connect);
    const nodeOptions = { agent: this.#agent };
    this.#processes = createClient(Process, createConnectTransport({ httpVersion: '1.1', baseUrl: 'http://guest', nodeOptions }));
  }

  /** Starts a command. Resolves when it runs. */
  async start({ command, env = {}, workdir, user, stdin = false, pty }: CommandRequest): Promise<GuestCommand> {
    const [cmd = '', ...args] = command;
    const process = { cmd, args, envs: { ...env }, ...(workdir === undefined ? {} : { cwd: workdir }) };
    const headers = user === undefined ? {} : { authorization: `Basic ${Buffer.from(`${user}:`).toString('base64')}` };
    const request = { process, stdin, ...(pty === undefined ? {} : { pty: { size: pty } }) };
    return GuestCommand.begin(this.#processes, this.#processes.start(request, { headers }));
  }

  /** Attaches to a process that runs, or has ended unattended. */
  async attach(pid: number): Promise<GuestCommand> {
    const process = { selector: { case: 'pid' as const, value: pid } };
    return GuestCommand.begin(this.#processes, this.#processes.connect({ process }));
  }

  /** Writes a file, with its parents. */
  async putFile(path: string, bytes: Buffer): Promise<void> {
    const { status, body } = await this.#http('POST', path, bytes);
    if (status !== 200) throw new Error(`writing ${path}: ${status} ${body}`);
  }

  async getFile(path: string): Promise<Buffer> {
    const { status, body } = await this.#http('GET', path);
    if (status !== 200) throw new Error(`reading ${path}: ${status} ${body}`);
    return body;
  }

  #http(method: string, path: string, bytes?: Buffer): Promise<{ readonly status: number | undefined; readonly body: Buffer }> {
    const options = {
      method,
      agent: this.#agent,
      path: `/files?${new URLSearchParams({ path })}`,
      headers: { host: 'guest', 'content-type': 'application/octet-stream' },
    };
    return new Promise((resolve, reject) => {
      const sent = request(options, (answer) => {
        buffer(answer).then((body) => resolve({ status: answer.statusCode, body }), reject);
      });
      sent.on('error', reject).end(bytes);
    });
  }

  async list(): Promise<number[]> {
    return (await this.#processes.list({})).processes.map(({ pid }) => pid);
  }
}

/** A command that runs in a guest. Its output must be read for it to make progress. */
export class GuestCommand {
  readonly pid: number;
  readonly #processes: Client<typeof Process>;
  readonly #events: AsyncIterator<{ readonly event?: ProcessEvent | undefined }>;

  private constructor(
    processes: Client<typeof Process>,
    events: AsyncIterator<{ readonly event?: ProcessEvent | undefined }>,
    pid: number,
  ) {
    this.#processes = processes;
    this.#events = events;
    this.pid = pid;
  }

  static async begin(
    processes: Client<typeof Process>,
    stream: AsyncIterable<{ readonly event?: ProcessEvent | undefined }>,
  ): Promise<GuestCommand> {
    const events = stream[Symbol.asyncIterator]();
    const { value } = await inOurWords(events.next());
    const first = value?.event?.event;
    if (first?.case !== 'start') throw new Error(`a command began with ${first?.case}`);
    return new GuestCommand(processes, events, first.value.pid);
  }

  /** What it prints, in order. Returns its exit status: 128 + n for signal n. */
  async *output(): AsyncGenerator<{ readonly stream: 'stdout' | 'stderr' | 'pty'; readonly bytes: Uint8Array }, number> {
    for (;;) {
      const { value, done } = await inOurWords(this.#events.next());
      if (done) throw new Error('the guest ended the stream of a command that has not ended');
      const next = value.event?.event;
      if (next?.case === 'data' && next.value.output.case !== undefined) {
        yield { stream: next.value.output.case, bytes: next.value.output.value };
      } else if (next?.case === 'end') {
        const { exited, exitCode, status } = next.value;
        return exited ? exitCode : 128 + (SIGNALS[status.replace('signal: ', '')] ?? 0);
      }
    }
  }

  /** Reads its output to the end. */
  async finish(): Promise<{ readonly exitCode: number; readonly stdout: Buffer; readonly stderr: Buffer; readonly pty: Buffer }> {
    const chunks: Record<string, Uint8Array[]> = { stdout: [], stderr: [], pty: [] };
    const output = this.output();
    for (;;) {
      const { value, done } = await output.next();
      if (done) {
        const [stdout, stderr, pty] = ['stdout', 'stderr', 'pty'].map((name) => Buffer.concat(chunks[name] ?? []));
        return { exitCode: value, stdout, stderr, pty } as { exitCode: number; stdout: Buffer; stderr: Buffer; pty: Buffer };
      }
      chunks[value.stream]?.push(value.bytes);
    }
  }

  async write(bytes: Uint8Array): Promise<void> {
    await inOurWords(this.#processes.sendInput({ process: this.#selector, input: { input: { case: 'stdin', value: bytes } } }));
  }

  async closeStdin(): Promise<void> {
    await inOurWords(this.#processes.closeStdin({ process: this.#selector }));
  }

  async kill(): Promise<void> {
    await inOurWords(this.#processes.sendSignal({ process: this.#selector, signal: Signal.SIGKILL }));
  }

  /** Stops listening; the command goes on. */
  async detach(): Promise<void> {
    await this.#events.return?.();
  }

  get #selector() {
    return { selector: { case: 'pid' as const, value: this.pid } };
  }
}

/** Every request gets a connection of its own. */
class ConnectingAgent extends Agent {
  readonly #connect: () => Promise<Duplex>;

  constructor(connect: () => Promise<Duplex>) {
    super({ keepAlive: false });
    this.#connect = connect;
  }

  override createConnection(_options: ClientRequestArgs, callback?: (error: Error | null, stream: Duplex) => void): undefined {
    this.#connect().then(
      // Connect's client waits for sockets to connect, which a stream that is none does not tell.
      (stream) => callback?.(null, Object.assign(stream, 'readyState' in stream ? {} : { readyState: 'open' })),
      (error: Error) => callback?.(error, undefined as unknown as Duplex),
    );
  }
}

/** Settles as `call` does; a refusal as the error that the guest, or the driver, has named. */
async function inOurWords<T>(call: Promise<T>): Promise<T> {
  try {
    return await call;
  } catch (error) {
    if (!(error instanceof ConnectError)) throw error;
    if (error.cause instanceof SandglassError) throw error.cause;
    const reason = error.metadata.get('sandglass-reason') ?? '';
    throw isReason(reason) ? new SandglassError(reason, error.rawMessage) : error;
  }
}
