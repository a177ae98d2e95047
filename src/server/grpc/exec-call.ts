import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { parseFailure, SandglassError } from '../../model/errors.ts';
import type { ExecutorId } from '../../model/ids.ts';
import { malformed } from '../../rpc/checks.ts';
import { type ExecRequest, type ExecResponse, ExecResponseSchema } from '../../rpc/gen/sandglass/v1/executor_pb.js';
import { parseExitCode } from '../../rpc/hello.ts';
import { EXEC_CHUNK_BYTES } from '../../rpc/limits.ts';
import { Outbox } from '../../rpc/outbox.ts';
import type { CommandOutput, RemoteCommand } from '../command-runner.ts';
import type { Peer } from './peer.ts';

/**
 * One command that an executor runs for us.
 *
 *   asked ──open──▶ running ──exit code, or failure of the command──▶ over
 *     └───────────────┴──fail (given up, or the link is lost)─────────▲
 *
 * Output is pulled through by whoever reads it: nothing is kept here, and the executor waits when nobody reads.
 */
export class ExecCall implements RemoteCommand {
  readonly output: AsyncIterable<CommandOutput>;
  readonly #executorId: ExecutorId;
  readonly #onOver: () => void;
  readonly #stdin = new Outbox<ExecResponse>({ waitAt: 4, refuseAt: 4 });
  readonly #messages = Promise.withResolvers<AsyncIterator<ExecRequest>>();
  #peer: Peer | undefined;
  #over = false;
  #failure: unknown;
  /** Rejects the read that is under way. */
  #rejectRead: ((error: unknown) => void) | undefined;

  /** `onOver` is called once, when the call needs nothing more. */
  constructor(executorId: ExecutorId, onOver: () => void) {
    this.#executorId = executorId;
    this.#onOver = onOver;
    this.#messages.promise.catch(() => {}); // a command that failed before anybody read its output
    this.output = this.#read();
  }

  /** The executor has opened the command's stream. @returns what goes to the executor: the command's input. */
  open(messages: AsyncIterator<ExecRequest>, peer: Peer, signal: AbortSignal): AsyncIterable<ExecResponse> {
    this.#peer = peer;
    this.#messages.resolve(messages);
    const onAbort = () => this.fail(this.#lost());
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    return this.#stdin;
  }

  async writeStdin(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length; at += EXEC_CHUNK_BYTES) {
      const stdin = bytes.subarray(at, at + EXEC_CHUNK_BYTES);
      if (!(await this.#sendInput({ case: 'stdin', value: stdin }))) return; // it has ended, which its output tells
    }
  }

  closeStdin(): void {
    void this.#sendInput({ case: 'closeStdin', value: {} });
  }

  /** Gives the command up: the executor kills it, and whoever reads its output gets `error`. */
  fail(error: unknown): void {
    if (this.#over) return;
    this.#failure = error;
    this.#messages.reject(error);
    this.#rejectRead?.(error);
    this.#finish();
    this.#peer?.cancelCall();
  }

  #sendInput(message: NonNullable<MessageInitShape<typeof ExecResponseSchema>['message']>): Promise<boolean> {
    return this.#stdin.send(create(ExecResponseSchema, { message }));
  }

  #finish(): void {
    this.#over = true;
    this.#stdin.end();
    this.#onOver();
  }

  async *#read(): AsyncGenerator<CommandOutput, void> {
    try {
      const messages = await this.#messages.promise;
      for (;;) {
        const output = this.#take(await this.#next(messages));
        yield output;
        if ('exitCode' in output) return;
      }
    } catch (error) {
      this.fail(error);
      throw error;
    } finally {
      this.fail(new SandglassError('operation_cancelled', 'nobody reads the output of the command any more'));
    }
  }

  async #next(messages: AsyncIterator<ExecRequest>): Promise<ExecRequest> {
    if (this.#over) throw this.#failure;
    const { promise, resolve, reject } = Promise.withResolvers<IteratorResult<ExecRequest>>();
    this.#rejectRead = reject;
    messages.next().then(resolve, () => reject(this.#lost()));
    const { value, done } = await promise;
    if (done === true) throw this.#lost();
    return value;
  }

  #take({ message }: ExecRequest): CommandOutput {
    switch (message.case) {
      case 'stdout':
        return { stdout: message.value };
      case 'stderr':
        return { stderr: message.value };
      case 'exitCode':
        this.#finish();
        return { exitCode: parseExitCode('exit_code', message.value) };
      case 'failure': {
        this.#finish();
        const { reason, message: text } = parseFailure(message.value.reason, message.value.message);
        throw new SandglassError(reason, text);
      }
      case 'execId':
        throw malformed('exec_id', 'came twice');
      case undefined:
        throw malformed('message', 'is missing or unknown');
    }
  }

  #lost(): SandglassError {
    const message = `the connection to ${this.#executorId} was lost while the command ran; its outcome is not known`;
    return new SandglassError('executor_unavailable', message);
  }
}
