import { type Duplex, type Readable, Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import type Docker from 'dockerode';
import { sleep } from '../../lib/clock.ts';
import type { ExecRequest, RunningCommand } from '../driver.ts';
import type { DockerContext } from './docker-context.ts';
import { isNotFound } from './engine-errors.ts';
import { execFailure } from './exec-failure.ts';
import { killExecProcesses } from './kill-exec.ts';
import { demultiplex } from './stream-demultiplexer.ts';

/** Nothing tells when a command has started, or ended after its output was closed: we ask, at first often. */
const FIRST_POLL_MS = 4;
const LONGEST_POLL_MS = 100;
const START_TIMEOUT_MS = 10_000;
/** Most bytes of the engine's message that are kept. */
const MAX_FAILURE_BYTES = 4096;
const KILLED = 137;

/** A command of `docker exec`. Its three streams share one hijacked connection. */
export class DockerCommand implements RunningCommand {
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  readonly exitCode: Promise<number>;
  readonly #context: DockerContext;
  readonly #containerId: string;
  readonly #handle: Docker.Exec;
  readonly #socket: Duplex;
  /** Resolves when the command has printed something, or its output has ended. */
  readonly #firstOutput: Promise<void>;
  /** What the engine said last. */
  #latest: Docker.ExecInspectInfo | undefined;
  /** Aborts when nobody waits for the command any more. */
  readonly #abandoned = new AbortController();

  constructor(context: DockerContext, containerId: string, handle: Docker.Exec, socket: Duplex) {
    this.#context = context;
    this.#containerId = containerId;
    this.#handle = handle;
    this.#socket = socket;
    socket.on('error', () => {}); // whoever reads gets it
    const { stdout, stderr, firstOutput, done } = demultiplex(socket);
    this.stdin = inputOf(socket);
    this.stdout = stdout;
    this.stderr = stderr;
    this.#firstOutput = firstOutput;
    this.exitCode = done.then(async () => {
      await Promise.allSettled([finished(stdout), finished(stderr)]);
      return this.#exitStatus();
    });
    this.exitCode.catch(() => {}); // whoever waits gets it
  }

  /** Resolves once the command runs, or has run. @throws SandglassError why it could not be started; the signal's reason. */
  async started(request: ExecRequest, signal: AbortSignal): Promise<void> {
    try {
      const state = await this.#poll(signal, hasStartedOrFailed, this.#firstOutput);
      if (state.Pid === 0) throw execFailure(request, await this.#engineMessage());
    } catch (error) {
      if (signal.aborted) await this.#killOnceStarted();
      this.#abandoned.abort();
      this.#socket.destroy();
      throw error;
    }
  }

  async kill(): Promise<void> {
    const state = await this.#inspect(AbortSignal.timeout(START_TIMEOUT_MS)).catch(() => undefined);
    if (state === undefined || state.Pid === 0) return;
    const killed = await killExecProcesses(state.Pid, this.#containerId);
    // Where we may not kill it, it at least loses its input and output.
    if (killed === 0 && state.Running) this.#socket.destroy();
  }

  /** The engine goes on starting a command that is given up; only then is there a process to kill. */
  async #killOnceStarted(): Promise<void> {
    await this.#poll(AbortSignal.timeout(START_TIMEOUT_MS), hasStartedOrFailed, this.#firstOutput).catch(() => {});
    await this.kill();
  }

  async #exitStatus(): Promise<number> {
    try {
      const known = this.#latest;
      const { ExitCode } = known !== undefined && hasEnded(known) ? known : await this.#poll(this.#abandoned.signal, hasEnded);
      return ExitCode ?? KILLED;
    } catch (error) {
      if (isNotFound(error)) return KILLED; // the sandbox has been stopped
      throw error;
    }
  }

  /** What the engine wrote to the output of a command that did not start. */
  async #engineMessage(): Promise<string> {
    const chunks: Buffer[] = [];
    let length = 0;
    for await (const chunk of this.stdout as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      length += chunk.length;
      if (length >= MAX_FAILURE_BYTES) break;
    }
    return Buffer.concat(chunks).toString().slice(0, MAX_FAILURE_BYTES);
  }

  /** @param wakeUp settles when it is worth asking at once, and often from then on. */
  async #poll(
    signal: AbortSignal,
    done: (state: Docker.ExecInspectInfo) => boolean,
    wakeUp?: Promise<void>,
  ): Promise<Docker.ExecInspectInfo> {
    let awake = wakeUp === undefined;
    let waitMs = FIRST_POLL_MS;
    const wake = wakeUp?.then(() => {
      awake = true;
      waitMs = FIRST_POLL_MS / 2; // output can come before the engine knows the process
    });
    for (; ; waitMs = Math.min(2 * waitMs, LONGEST_POLL_MS)) {
      const state = await this.#inspect(signal);
      if (done(state)) return state;
      const wait = sleep(this.#context.clock, waitMs, signal);
      await (awake ? wait : Promise.race([wait, wake]));
    }
  }

  async #inspect(signal: AbortSignal): Promise<Docker.ExecInspectInfo> {
    const state = await this.#context.engine.call(signal, () => this.#handle.inspect({ abortSignal: signal }));
    this.#latest = state;
    return state;
  }
}

function hasEnded({ Running, ExitCode }: Docker.ExecInspectInfo): boolean {
  return !Running && ExitCode !== null;
}

function hasStartedOrFailed(state: Docker.ExecInspectInfo): boolean {
  return state.Pid > 0 || hasEnded(state);
}

/** The socket's writing half. What is written after the command has ended is discarded: a command need not read its input. */
function inputOf(socket: Duplex): Writable {
  const input = new Writable({
    write(chunk, _encoding, callback) {
      if (!socket.writable) callback();
      else socket.write(chunk, () => callback());
    },
    final(callback) {
      if (!socket.writable) callback();
      else socket.end(() => callback());
    },
    destroy(error, callback) {
      if (socket.writable) socket.end();
      callback(error);
    },
  });
  input.on('error', () => {}); // an error of the writer's own, which gets it too
  socket.on('close', () => input.destroy());
  return input;
}
