import { GuestError } from '../guest-error.ts';
import type { TerminalSize } from './launch-plan.ts';
import type { Launched, OutputSource } from './launched.ts';
import type { OutputLog } from './output-log.ts';
import { ProcessInput } from './process-input.ts';
import type { ExitStatus } from './signals.ts';

const TICK_MS = 20;
/** When what a process has started keeps its output open, the output ends after so much silence… */
const SILENT_TICKS = 5;
/** …or after so much time, which is enough to read all that the process itself has left in the pipe. */
const MAX_TICKS = 50;
const SIGKILL = 9;

/**
 * A process from its start to its end.
 *
 *     running ──its program exits──▶ draining ──its output is read──▶ ended
 *
 * It ends for its clients only when all that it has printed is in the log.
 */
export class RunningProcess {
  readonly pid: number;
  readonly log: OutputLog;
  readonly #launched: Launched;
  readonly #input: ProcessInput;
  readonly #open: Set<OutputSource>;
  /** Where the log was when the output was last looked at. */
  #seen = 0;
  #status: ExitStatus | undefined;
  #state: 'running' | 'draining' | 'ended' = 'running';
  #deadline: NodeJS.Timeout | undefined;
  readonly #ended = Promise.withResolvers<ExitStatus>();

  constructor(launched: Launched, log: OutputLog) {
    this.pid = launched.pid;
    this.log = log;
    this.#launched = launched;
    this.#input = new ProcessInput(launched.pid, launched.input);
    this.#open = new Set(launched.sources);
    for (const source of launched.sources) this.#begin(source);
    void launched.exited.then((status) => this.#exited(status));
  }

  /** Whether its program runs, so that signals reach it. */
  get isRunning(): boolean {
    return this.#state === 'running';
  }

  /** How it ended; undefined before all of its output has been read. */
  get end(): ExitStatus | undefined {
    return this.#state === 'ended' ? this.#status : undefined;
  }

  /** Resolves when `end` is there. */
  get ended(): Promise<ExitStatus> {
    return this.#ended.promise;
  }

  /** @throws GuestError `process_not_found`, `invalid_request`, `too_many_requests` */
  async write(bytes: Uint8Array): Promise<void> {
    this.#mustRun();
    await this.#input.write(bytes);
  }

  /** @throws GuestError `process_not_found`, `invalid_request` */
  closeInput(): void {
    this.#mustRun();
    if (this.#launched.resize) throw new GuestError('invalid_request', 'a terminal has no end of input; send Ctrl-D, the byte 4');
    this.#input.end();
  }

  /** @throws GuestError `process_not_found`, `invalid_request` */
  resize(size: TerminalSize): void {
    this.#mustRun();
    if (!this.#launched.resize) throw new GuestError('invalid_request', `process ${this.pid} has no terminal`);
    this.#launched.resize(size);
  }

  /** Sends a signal to the process and what it has started in its group. @throws GuestError `process_not_found` */
  kill(signal: number): void {
    this.#mustRun();
    // On a terminal it makes its group only once it runs, which on a busy machine may be later than this.
    if (sendSignal(-this.pid, signal) || sendSignal(this.pid, signal)) return;
    throw this.#gone();
  }

  /** Kills it after so much time, if it still runs. */
  limit(milliseconds: number): void {
    this.#deadline = setTimeout(() => this.isRunning && this.kill(SIGKILL), milliseconds).unref();
  }

  /** Reads on, where reading has stopped because somebody did not keep up. */
  readOn(): void {
    if (this.log.isFull) return;
    this.#resume();
  }

  #resume(): void {
    for (const { socket } of this.#open) socket.resume();
  }

  #begin(source: OutputSource): void {
    const { socket } = source;
    socket.on('error', () => {}); // A terminal whose last process has ended says EIO; `close` follows.
    socket.on('close', () => {
      this.#open.delete(source);
      if (this.#state === 'draining' && this.#open.size === 0) this.#finish();
    });
    socket.resume();
  }

  #exited(status: ExitStatus): void {
    clearTimeout(this.#deadline);
    this.#status = status;
    this.#state = 'draining';
    if (this.#open.size === 0) this.#finish();
    else this.#awaitSilence();
  }

  #awaitSilence(): void {
    let [ticks, silent] = [0, 0];
    this.#seen = this.log.end;
    const timer = setInterval(() => {
      if (this.#state === 'ended') return clearInterval(timer);
      if (this.log.isFull) return;
      silent = this.log.end === this.#seen ? silent + 1 : 0;
      this.#seen = this.log.end;
      if (++ticks < MAX_TICKS && silent < SILENT_TICKS) return;
      clearInterval(timer);
      this.#finish();
    }, TICK_MS);
  }

  /** Whatever still holds the output may go on printing, to nobody: its pipe stays open. */
  #finish(): void {
    this.#state = 'ended';
    this.#input.close();
    this.#ended.resolve(this.#status as ExitStatus);
    this.log.changed();
    this.#resume();
  }

  #mustRun(): void {
    if (!this.isRunning) throw this.#gone();
  }

  #gone(): GuestError {
    return new GuestError('process_not_found', `process ${this.pid} has ended`);
  }
}

/** @returns whether there was anybody to get it. */
function sendSignal(target: number, signal: number): boolean {
  try {
    process.kill(target, signal);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}
