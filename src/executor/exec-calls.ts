import type { Readable, Writable } from 'node:stream';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import type { Driver, RunningCommand } from '../driver/driver.ts';
import type { Logger } from '../lib/logger.ts';
import { failureOf, SandglassError } from '../model/errors.ts';
import { parseExecCommand } from '../rpc/exec-command.ts';
import { type ExecRequest, ExecRequestSchema, type ExecResponse, type OpenExec } from '../rpc/gen/sandglass/v1/executor_pb.js';
import { exitCodeToProto } from '../rpc/hello.ts';
import { EXEC_CHUNK_BYTES, MAX_SESSION_MESSAGE_BYTES } from '../rpc/limits.ts';
import { Outbox } from '../rpc/outbox.ts';
import type { Connection } from './connection.ts';

export interface ExecCallsOptions {
  readonly driver: Driver;
  readonly log: Logger;
  /** Commands that may run at one time. */
  readonly maxRunning: number;
}

/** How a session makes Exec calls. */
export interface ExecCaller {
  readonly connection: Connection;
  readonly headers: Readonly<Record<string, string>>;
  /** Aborts when the session is over: its commands are killed then. */
  readonly signal: AbortSignal;
}

type Message = NonNullable<MessageInitShape<typeof ExecRequestSchema>['message']>;

/** Runs the commands that the server asks for, each over a call of its own. */
export class ExecCalls {
  readonly #options: ExecCallsOptions;
  #running = 0;

  constructor(options: ExecCallsOptions) {
    this.#options = options;
  }

  /** Runs one command. Resolves once it has ended, and the server knows how, or it has been killed. Never rejects. */
  async run(request: OpenExec, caller: ExecCaller): Promise<void> {
    const call = new ExecCall(request.execId, caller);
    this.#running += 1;
    try {
      const { driver, maxRunning } = this.#options;
      if (this.#running > maxRunning) {
        throw new SandglassError('too_many_requests', `${maxRunning} commands run on this executor already; try again`);
      }
      await call.serve(await driver.exec(parseExecCommand(request), call.signal));
    } catch (error) {
      if (call.signal.aborted) return;
      if (!(error instanceof SandglassError)) this.#options.log.error({ sandboxId: request.sandboxId, err: error }, 'a command failed');
      await call.fail(error);
    } finally {
      this.#running -= 1;
      call.end();
    }
  }
}

/** One Exec call, from the executor's side. */
class ExecCall {
  readonly signal: AbortSignal;
  readonly #over = new AbortController();
  readonly #outgoing = new Outbox<ExecRequest>({ waitAt: 1, refuseAt: 1 });
  readonly #command = Promise.withResolvers<RunningCommand>();
  /** Resolves when the server has ended the call, or it broke. */
  readonly #input: Promise<void>;

  constructor(execId: string, { connection, headers, signal }: ExecCaller) {
    this.signal = AbortSignal.any([signal, this.#over.signal]);
    this.#command.promise.catch(() => {});
    this.#outgoing.push(create(ExecRequestSchema, { message: { case: 'execId', value: execId } }));
    const over = () => this.#over.abort();
    this.#input = this.#takeInput(
      connection
        .client({ maxMessageBytes: MAX_SESSION_MESSAGE_BYTES, onClosed: over })
        .exec(this.#outgoing, { headers: { ...headers }, signal: this.signal }),
    ).then(over, over);
  }

  /** Connects the command with the server until it has ended. @throws when its streams break. */
  async serve(command: RunningCommand): Promise<void> {
    for (const stream of [command.stdin, command.stdout, command.stderr]) stream.on('error', () => {}); // shown by the pumps
    command.exitCode.catch(() => {});
    const onOver = () => killCommand(command);
    if (this.signal.aborted) onOver();
    this.signal.addEventListener('abort', onOver, { once: true });
    try {
      this.#command.resolve(command);
      await Promise.all([this.#pump('stdout', command.stdout), this.#pump('stderr', command.stderr)]);
      const exitCode = await command.exitCode;
      this.signal.throwIfAborted();
      this.signal.removeEventListener('abort', onOver);
      command.stdin.destroy(); // input that it has not read does not matter any more
      await this.#send({ case: 'exitCode', value: exitCodeToProto(exitCode) });
      this.#outgoing.end();
      await this.#input;
    } catch (error) {
      killCommand(command);
      throw error;
    }
  }

  /** Tells the server why there is no command, or no more of it. */
  async fail(error: unknown): Promise<void> {
    await this.#send({ case: 'failure', value: { ...failureOf(error) } });
    this.#outgoing.end();
    await this.#input;
  }

  end(): void {
    this.#command.reject(new Error('the call is over'));
    this.#over.abort();
  }

  #send(message: Message): Promise<boolean> {
    return this.#outgoing.send(create(ExecRequestSchema, { message }));
  }

  async #pump(name: 'stdout' | 'stderr', output: Readable): Promise<void> {
    for await (const chunk of output as AsyncIterable<Uint8Array>) {
      for (let at = 0; at < chunk.length; at += EXEC_CHUNK_BYTES) {
        const value = chunk.subarray(at, at + EXEC_CHUNK_BYTES);
        if (!(await this.#send({ case: name, value }))) return;
      }
    }
  }

  async #takeInput(responses: AsyncIterable<ExecResponse>): Promise<void> {
    for await (const { message } of responses) {
      const { stdin } = await this.#command.promise;
      if (message.case === 'stdin') await write(stdin, message.value);
      if (message.case === 'closeStdin') stdin.end();
    }
  }
}

/** Resolves when the bytes have been taken, or can't be any more: that a command does not read its input is not an error. */
function write(stream: Writable, bytes: Uint8Array): Promise<void> {
  if (stream.destroyed || stream.writableEnded) return Promise.resolve();
  return new Promise((resolve) => {
    stream.write(bytes, () => resolve());
  });
}

function killCommand(command: RunningCommand): void {
  command.kill().catch(() => {}); // it has ended, or its sandbox or engine has
  for (const stream of [command.stdin, command.stdout, command.stderr]) stream.destroy();
}
