import type { CallOptions } from './call-options.ts';
import { type ErrorCode, SandglassError } from './errors.ts';
import { query } from './paths.ts';
import type { TerminalSize } from './process-types.ts';
import { openSandboxSocket } from './sandbox-socket.ts';
import type { Socket } from './socket.ts';
import type { Transport } from './transport.ts';

const PROTOCOL = 'sandglass.terminal.v1';

export interface TerminalParams extends TerminalSize {
  /** Program to run; the user's shell when absent. */
  readonly cmd?: string;
  readonly args?: readonly string[];
  readonly user?: string;
  readonly cwd?: string;
  /** Instead of running something: the terminal of this process, see `Processes`. */
  readonly pid?: number;
}

/** Terminals in sandboxes. */
export class Terminals {
  readonly #transport: Transport;
  readonly #namespace: string;

  constructor(transport: Transport, namespace: string) {
    this.#transport = transport;
    this.#namespace = namespace;
  }

  /**
   * Opens a terminal and resolves once its program runs. Aborting `signal`, later too, closes it.
   * @throws SandglassError `sandbox_not_running`, `command_not_found`, `process_not_found` …; `websocket_unavailable`.
   */
  async open(sandboxId: string, params: TerminalParams, { signal }: CallOptions = {}): Promise<Terminal> {
    const { args, ...rest } = params;
    const call = { path: '/terminal', query: query({ ...rest, arg: args }), protocol: PROTOCOL, signal };
    const socket = await openSandboxSocket(this.#transport, this.#namespace, sandboxId, call);
    const messages = socket[Symbol.asyncIterator]();
    try {
      const { value } = await messages.next();
      const told = typeof value === 'string' ? parseMessage(value) : undefined;
      if (told?.type === 'start') return new Terminal(socket, messages, told.pid);
      throw new SandglassError('unknown', 'unexpected_answer', 'the terminal did not begin as a terminal does');
    } catch (thrown) {
      socket.close();
      throw thrown;
    }
  }
}

/** A program that runs at a terminal. */
export class Terminal {
  readonly pid: number;
  readonly #socket: Socket;
  readonly #messages: AsyncGenerator<string | Uint8Array, void>;
  #exitCode: number | undefined;

  constructor(socket: Socket, messages: AsyncGenerator<string | Uint8Array, void>, pid: number) {
    this.#socket = socket;
    this.#messages = messages;
    this.pid = pid;
  }

  /** What the program ended with, once `output` has ended. 128 + n when signal n ended it. */
  get exitCode(): number | undefined {
    return this.#exitCode;
  }

  /** What the program prints, until it ends. To be read once. @throws SandglassError `stream_ended` when the connection broke. */
  async *output(): AsyncGenerator<Uint8Array, void> {
    for await (const message of this.#messages) {
      if (typeof message !== 'string') {
        yield message;
        continue;
      }
      const told = parseMessage(message);
      if (told?.type !== 'exit') continue;
      this.#exitCode = told.exit_code;
      this.close();
      return;
    }
    throw new SandglassError('unavailable', 'stream_ended', 'the terminal was closed before its program ended');
  }

  /** Types `input`. Resolves when more may follow. */
  write(input: string | Uint8Array): Promise<void> {
    return this.#socket.send(typeof input === 'string' ? new TextEncoder().encode(input) : input);
  }

  resize({ cols, rows }: TerminalSize): Promise<void> {
    return this.#socket.send(JSON.stringify({ type: 'resize', cols, rows }));
  }

  /** Closes it. A program that it has begun is told so by SIGHUP; one that it has attached to goes on. */
  close(): void {
    this.#socket.close();
  }
}

type TerminalMessage =
  | { readonly type: 'start'; readonly pid: number }
  | { readonly type: 'exit'; readonly exit_code: number }
  | { readonly type: 'error'; readonly code?: ErrorCode; readonly reason: string; readonly message: string };

/** @throws SandglassError what an `error` carries. */
function parseMessage(text: string): Exclude<TerminalMessage, { type: 'error' }> | undefined {
  const told = JSON.parse(text) as TerminalMessage;
  if (told.type === 'error') throw new SandglassError(told.code ?? 'unknown', told.reason, told.message);
  return told.type === 'start' || told.type === 'exit' ? told : undefined;
}
