import { GuestError } from '../guest-error.ts';
import type { GuestSettings } from '../settings.ts';
import { launchPlain } from './launch-plain.ts';
import { type LaunchRequest, planLaunch } from './launch-plan.ts';
import type { Launched, OutputStream } from './launched.ts';
import { OutputBudget } from './output-budget.ts';
import { OutputLog } from './output-log.ts';
import { RunningProcess } from './running-process.ts';

/** Output of all processes that is kept; bytes. */
const KEPT_OUTPUT = 16 * 1024 * 1024;
const MAX_RUNNING = 1024;
const MAX_ENDED = 64;
/** How long a process is kept whose end nobody has been told, and one whose end somebody may not have got. */
const UNTOLD_MS = 3_600_000;
const TOLD_MS = 60_000;

/** A process, and what it was asked for with. */
export interface RegisteredProcess {
  readonly process: RunningProcess;
  readonly request: LaunchRequest;
  readonly tag: string | undefined;
  /** Whether somebody has been told of its end. */
  isEndTold: boolean;
  /** Runs once it has ended, until it is forgotten. */
  forgetting?: NodeJS.Timeout;
}

/** How clients name a process. */
export type ProcessName = { readonly pid: number } | { readonly tag: string };

/** The processes that clients have started: those that run, and the last ones that have ended. */
export class ProcessRegistry {
  readonly #budget = new OutputBudget(KEPT_OUTPUT);
  /** By pid, the oldest first. */
  readonly #running = new Map<number, RegisteredProcess>();
  readonly #ended = new Map<number, RegisteredProcess>();
  #starting = 0;

  /** @throws GuestError `invalid_user`, `invalid_request`, `invalid_workdir`, `command_not_found`, `too_many_requests` */
  async start(request: LaunchRequest, settings: GuestSettings, tag?: string): Promise<RegisteredProcess> {
    if (this.#running.size + this.#starting >= MAX_RUNNING) {
      throw new GuestError('too_many_requests', `${MAX_RUNNING} processes run already`);
    }
    const plan = planLaunch(request, settings);
    let process: RunningProcess | undefined;
    const log = new OutputLog(this.#budget, () => process?.readOn());
    const take = (stream: OutputStream) => (bytes: Uint8Array) => {
      if (process?.end !== undefined) return true; // printed to nobody, by what it has left behind
      log.append(stream, bytes);
      return !log.isFull;
    };
    this.#starting++;
    try {
      process = new RunningProcess(await launch(), log);
    } catch (error) {
      log.drop();
      throw error;
    } finally {
      this.#starting--;
    }
    return this.#register({ process, request, tag, isEndTold: false });

    async function launch(): Promise<Launched> {
      if (request.terminal === undefined) {
        return launchPlain(plan, { hasInput: request.hasInput, stdout: take('stdout'), stderr: take('stderr') });
      }
      const { launchTerminal } = await import('./launch-terminal.ts');
      return launchTerminal(plan, request.terminal, take('pty'));
    }
  }

  /** Those that run, the oldest first. */
  list(): RegisteredProcess[] {
    return [...this.#running.values()];
  }

  /** One that runs, or has run; of several with a tag, one that runs, and the latest. @throws GuestError `process_not_found` */
  find(name: ProcessName): RegisteredProcess {
    const found = 'pid' in name ? (this.#running.get(name.pid) ?? this.#ended.get(name.pid)) : this.#findTag(name.tag);
    if (found !== undefined) return found;
    const words = 'pid' in name ? `with pid ${name.pid}` : `with tag ${JSON.stringify(name.tag)}`;
    throw new GuestError('process_not_found', `there is no process ${words}`);
  }

  /** Says that somebody has got the end of a process, so that it need not be kept for long. */
  endTold(entry: RegisteredProcess): void {
    if (entry.isEndTold) return;
    entry.isEndTold = true;
    if (this.#ended.get(entry.process.pid) === entry) this.#forgetAfter(entry, TOLD_MS);
  }

  #findTag(tag: string): RegisteredProcess | undefined {
    const matches = (entry: RegisteredProcess) => entry.tag === tag;
    return [...this.#running.values()].findLast(matches) ?? [...this.#ended.values()].findLast(matches);
  }

  #register(entry: RegisteredProcess): RegisteredProcess {
    const { process } = entry;
    const namesake = this.#ended.get(process.pid);
    if (namesake !== undefined) this.#forget(namesake);
    this.#running.set(process.pid, entry);
    void process.ended.then(() => this.#end(entry));
    return entry;
  }

  #end(entry: RegisteredProcess): void {
    const { pid } = entry.process;
    if (this.#running.get(pid) === entry) this.#running.delete(pid);
    this.#ended.set(pid, entry);
    this.#forgetAfter(entry, UNTOLD_MS);
    if (this.#ended.size <= MAX_ENDED) return;
    const all = [...this.#ended.values()];
    this.#forget(all.find(({ isEndTold }) => isEndTold) ?? (all[0] as RegisteredProcess));
  }

  #forgetAfter(entry: RegisteredProcess, milliseconds: number): void {
    clearTimeout(entry.forgetting);
    entry.forgetting = setTimeout(() => this.#forget(entry), milliseconds).unref();
  }

  #forget(entry: RegisteredProcess): void {
    clearTimeout(entry.forgetting);
    const { pid, log } = entry.process;
    if (this.#ended.get(pid) === entry) this.#ended.delete(pid);
    log.drop();
  }
}
