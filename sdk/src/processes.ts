import type { CallOptions } from './call-options.ts';
import { path, query, sandboxPath } from './paths.ts';
import { followProcess } from './process-stream.ts';
import type { ProcessEvent, SandboxProcess, SignalName, StartParams, TerminalSize } from './process-types.ts';
import type { BodyContent, Call, Transport } from './transport.ts';

export interface AttachOptions extends CallOptions {
  /**
   * Begins with what is kept of the output from this byte on; 0 for all that is kept, which is the last 256 KiB. Without it: with
   * what nobody has been sent yet.
   */
  readonly from?: number | undefined;
}

export interface WriteOptions extends CallOptions {
  /** True: there is no more input after this. */
  readonly close?: boolean;
}

/**
 * Processes in sandboxes. They outlive the connection that started them, and can be attached to again. All methods throw
 * SandglassError `sandbox_not_found` and `sandbox_not_running`; those for one process, `process_not_found`.
 */
export class Processes {
  readonly #transport: Transport;
  readonly #namespace: string;

  constructor(transport: Transport, namespace: string) {
    this.#transport = transport;
    this.#namespace = namespace;
  }

  /** Those that run and were started through the API. */
  async list(sandboxId: string, { signal }: CallOptions = {}): Promise<readonly SandboxProcess[]> {
    const call = { method: 'GET', path: this.#path(sandboxId), repeatable: 'safe', signal } as const;
    return (await this.#transport.json<{ processes: readonly SandboxProcess[] }>(call)).body.processes;
  }

  /**
   * Starts a process and leaves it to itself: what it prints is kept, the last 256 KiB of it, for whoever attaches. Never repeated by
   * itself: it could run twice. @throws SandglassError `command_not_found`, `invalid_user`, `invalid_workdir` …
   */
  async start(sandboxId: string, params: StartParams, { signal }: CallOptions = {}): Promise<SandboxProcess> {
    const call = { method: 'POST', path: this.#path(sandboxId), body: params, repeatable: 'never', signal } as const;
    return (await this.#transport.json<SandboxProcess>(call)).body;
  }

  /**
   * Starts a process and yields all that it prints, then its exit. It is attached to before it prints: nothing is lost, and as long as
   * nobody reads here, it waits. Leaving the loop leaves it running. @throws SandglassError like `start` and `attach`.
   */
  run(sandboxId: string, params: StartParams, { signal }: CallOptions = {}): AsyncGenerator<ProcessEvent, void> {
    const start: Call = {
      method: 'POST',
      path: this.#path(sandboxId),
      query: query({ encoding: 'base64' }),
      body: params,
      repeatable: 'never',
      signal,
    };
    const source = {
      first: () => this.#transport.stream(start),
      again: (pid: number, from: number) => this.#output(sandboxId, pid, from, signal),
      from: 0,
    };
    return followProcess(source, signal);
  }

  /**
   * What a process prints, then its exit; of one that has ended, what is kept of it. Leaving the loop leaves it running.
   * @throws SandglassError `output_lost`; `stream_ended` when the connection broke.
   */
  attach(sandboxId: string, pid: number, { from, signal }: AttachOptions = {}): AsyncGenerator<ProcessEvent, void> {
    const source = {
      first: () => this.#output(sandboxId, pid, from, signal),
      again: (_pid: number, after: number) => this.#output(sandboxId, pid, after, signal),
      from: undefined, // less may be kept than what is asked for
    };
    return followProcess(source, signal);
  }

  /** Input for a process that was started with `stdin` or `pty`; resolves when it has taken it. Never repeated by itself. */
  write(
    sandboxId: string,
    pid: number,
    input: string | Uint8Array | ReadableStream<Uint8Array>,
    { close, signal }: WriteOptions = {},
  ): Promise<void> {
    return this.#transport.done({
      method: 'POST',
      path: this.#path(sandboxId, pid, '/stdin'),
      query: query({ close: close || undefined }),
      raw: { type: 'application/octet-stream', content: input as BodyContent },
      repeatable: 'never',
      signal,
    });
  }

  /** Tells a process that there is no more input. */
  closeStdin(sandboxId: string, pid: number, options: CallOptions = {}): Promise<void> {
    return this.write(sandboxId, pid, '', { ...options, close: true });
  }

  /** Sends a signal to a process and to all that it has started. */
  signal(sandboxId: string, pid: number, signalName: SignalName, { signal }: CallOptions = {}): Promise<void> {
    const body = { signal: signalName };
    return this.#transport.done({ method: 'POST', path: this.#path(sandboxId, pid, '/signal'), body, repeatable: 'never', signal });
  }

  /** Tells a process the new size of its terminal. */
  resize(sandboxId: string, pid: number, size: TerminalSize, { signal }: CallOptions = {}): Promise<void> {
    const body = { cols: size.cols, rows: size.rows };
    return this.#transport.done({ method: 'POST', path: this.#path(sandboxId, pid, '/resize'), body, repeatable: 'safe', signal });
  }

  #output(sandboxId: string, pid: number, from: number | undefined, signal: AbortSignal | undefined) {
    return this.#transport.stream({
      method: 'GET',
      path: this.#path(sandboxId, pid, '/output'),
      query: query({ from, encoding: 'base64' }),
      repeatable: 'safe',
      signal,
    });
  }

  #path(sandboxId: string, pid?: number, rest = ''): string {
    const all = `${sandboxPath(this.#namespace, sandboxId)}/processes`;
    return pid === undefined ? all : all + path`/${String(pid)}` + rest;
  }
}
