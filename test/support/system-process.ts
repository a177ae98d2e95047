import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { finished } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';

const LAUNCHER = fileURLToPath(new URL('../../bin/sandglass.mjs', import.meta.url));
/** Longer than the executor waits for what it is at. */
const STOP_MS = 25_000;

export interface SystemProcessOptions {
  /** Of the command line, such as `['server']`. */
  readonly command: readonly string[];
  /** Path of the configuration file. */
  readonly config: string;
  /** Path that what it prints is appended to, over all its lives. */
  readonly logFile: string;
}

/**
 * A long-running command of `bin/sandglass.mjs`, as an operator starts it, which can be killed and started again. The
 * kernel kills it when this process ends, however that happens.
 */
export class SystemProcess {
  readonly #options: SystemProcessOptions;
  #child: ChildProcess | undefined;
  #gone: Promise<unknown> = Promise.resolve();

  constructor(options: SystemProcessOptions) {
    this.#options = options;
  }

  /** Such as `sandglass server`. */
  get name(): string {
    return `sandglass ${this.#options.command.join(' ')}`;
  }

  get pid(): number {
    const pid = this.#child?.pid;
    if (pid === undefined) throw new Error(`${this.name} does not run`);
    return pid;
  }

  get isRunning(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  start(): void {
    if (this.isRunning) throw new Error(`${this.name} runs already`);
    const { command, config, logFile } = this.#options;
    const args = ['--pdeathsig', 'KILL', process.execPath, LAUNCHER, ...command, '--config', config];
    const { PATH, HOME, DOCKER_HOST } = process.env;
    const child = spawn('setpriv', args, { env: { PATH, HOME, ...(DOCKER_HOST && { DOCKER_HOST }) }, stdio: ['ignore', 'pipe', 'pipe'] });
    const log = createWriteStream(logFile, { flags: 'a' });
    child.stdout.pipe(log, { end: false });
    child.stderr.pipe(log, { end: false });
    this.#gone = once(child, 'close').then(async () => {
      log.end();
      await finished(log);
    });
    this.#child = child;
  }

  /** Sends a signal, such as SIGSTOP; to end it, there are `kill` and `stop`. */
  signal(name: NodeJS.Signals): void {
    process.kill(this.pid, name);
  }

  /** Ends it without a chance to finish anything. */
  async kill(): Promise<void> {
    this.#child?.kill('SIGKILL');
    await this.#gone;
  }

  /** Ends it as an operator does. @returns its exit code; null when it had to be killed. */
  async stop(): Promise<number | null> {
    const child = this.#child;
    if (child === undefined) return 0;
    child.kill('SIGCONT');
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
    await this.#gone;
    clearTimeout(timer);
    return child.exitCode;
  }

  /** All that it has printed, over all its lives. */
  async printed(): Promise<string> {
    return await readFile(this.#options.logFile, 'utf8').catch(() => '');
  }
}
