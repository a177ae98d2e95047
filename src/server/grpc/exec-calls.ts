import { randomUUID } from 'node:crypto';
import type { Clock } from '../../lib/clock.ts';
import { SandglassError } from '../../model/errors.ts';
import type { ExecutorId } from '../../model/ids.ts';
import { openExecToProto, parseExecCommand } from '../../rpc/exec-command.ts';
import type { CommandRequest, CommandRunner, RemoteCommand } from '../command-runner.ts';
import { ExecCall } from './exec-call.ts';
import type { ExecutorSessions } from './sessions.ts';

export interface ExecCallsContext {
  readonly sessions: ExecutorSessions;
  readonly clock: Clock;
  /** Commands that may run on one executor at one time. */
  readonly maxPerExecutor: number;
  /** How long an executor may take to open the stream of a command. */
  readonly openTimeoutMs: number;
}

/** The commands that run on executors now. Pairs each with the Exec call that its executor makes for it. */
export class ExecCalls implements CommandRunner {
  readonly #ctx: ExecCallsContext;
  /** Asked for, and not opened yet. Ids can't be guessed: they come from the system's random source. */
  readonly #waiting = new Map<string, ExecCall>();
  readonly #counts = new Map<ExecutorId, number>();

  constructor(ctx: ExecCallsContext) {
    this.#ctx = ctx;
  }

  async run(executorId: ExecutorId, request: CommandRequest, signal: AbortSignal): Promise<RemoteCommand> {
    signal.throwIfAborted();
    const session = this.#ctx.sessions.find(executorId);
    if (session === undefined) {
      throw new SandglassError('executor_unavailable', `${executorId}, which the sandbox runs on, is not connected; try again`);
    }
    const count = this.#counts.get(executorId) ?? 0;
    if (count >= this.#ctx.maxPerExecutor) {
      throw new SandglassError('too_many_requests', `${count} commands run on ${executorId} already; try again when some have ended`);
    }

    const execId = randomUUID();
    const openExec = openExecToProto(execId, request);
    parseExecCommand(openExec); // what the executor would refuse is refused here
    const onAbort = () => call.fail(signal.reason);
    const onSessionOver = () => call.fail(new SandglassError('executor_unavailable', `the connection to ${executorId} was lost`));
    const call = new ExecCall(executorId, () => {
      signal.removeEventListener('abort', onAbort);
      session.over.removeEventListener('abort', onSessionOver);
      cancelTimeout();
      this.#waiting.delete(execId);
      this.#release(executorId);
    });
    const cancelTimeout = this.#ctx.clock.schedule(this.#ctx.openTimeoutMs, () => {
      if (!this.#waiting.has(execId)) return;
      call.fail(new SandglassError('executor_unavailable', `${executorId} did not take the command in time; try again`));
    });
    this.#counts.set(executorId, count + 1);
    this.#waiting.set(execId, call);
    signal.addEventListener('abort', onAbort, { once: true });
    session.over.addEventListener('abort', onSessionOver, { once: true });
    session.send({ case: 'openExec', value: openExec });
    return call;
  }

  /** The call that waits for its executor to open it, once. */
  take(execId: string): ExecCall | undefined {
    const call = this.#waiting.get(execId);
    this.#waiting.delete(execId);
    return call;
  }

  #release(executorId: ExecutorId): void {
    const left = (this.#counts.get(executorId) ?? 1) - 1;
    if (left > 0) this.#counts.set(executorId, left);
    else this.#counts.delete(executorId);
  }
}
