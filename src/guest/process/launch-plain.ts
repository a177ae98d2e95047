import { closeSync } from 'node:fs';
import { Socket } from 'node:net';
import { runAs } from './credentials.ts';
import { launchError } from './launch-error.ts';
import { checkPlan, type LaunchPlan } from './launch-plan.ts';
import type { Launched, TakeOutput } from './launched.ts';
import { libc } from './libc.ts';
import { preferInOomKill } from './oom-score.ts';
import { posixSpawn } from './posix-spawn.ts';
import { readInto } from './read-buffer.ts';
import type { ExitStatus } from './signals.ts';

/** How a plain process is connected. */
export interface PlainOptions {
  readonly hasInput: boolean;
  readonly stdout: TakeOutput;
  readonly stderr: TakeOutput;
}

/**
 * Starts a process on pipes, in a session of its own. They are real pipes, where Node would take sockets: programs that open
 * `/dev/stdout` or `/dev/stderr` fail on sockets. They belong to the process's user for the same reason.
 * @throws GuestError `command_not_found`, `invalid_workdir`, `invalid_request`, `too_many_requests`
 */
export function launchPlain(plan: LaunchPlan, options: PlainOptions): Launched {
  const pipes = new Pipes();
  const { promise: exited, resolve: onExit } = Promise.withResolvers<ExitStatus>();
  try {
    const pid = runAs(plan.account, () => {
      const place = checkPlan(plan);
      pipes.open(options.hasInput);
      const { cmd, args, env } = plan;
      const [stdout, stderr] = pipes.outputs;
      return posixSpawn({ ...place, argv: [cmd, ...args], env, stdin: pipes.stdin?.readEnd, stdout, stderr }, onExit);
    });
    preferInOomKill(pid);
    return { pid, exited, ...pipes.connect(options) };
  } catch (error) {
    throw launchError(error, plan);
  } finally {
    pipes.close();
  }
}

type Pipe = ReturnType<ReturnType<typeof libc>['pipe']>;

/** The pipes of one process, until its ends have been handed over to it and ours to sockets. */
class Pipes {
  #stdin: Pipe | undefined;
  #stdout: Pipe | undefined;
  #stderr: Pipe | undefined;
  readonly #descriptors = new Set<number>();

  /** The process's end. */
  get stdin(): Pipe | undefined {
    return this.#stdin;
  }

  /** The process's ends. */
  get outputs(): [stdout: number, stderr: number] {
    return [this.#stdout?.writeEnd ?? -1, this.#stderr?.writeEnd ?? -1];
  }

  open(hasInput: boolean): void {
    if (hasInput) this.#stdin = this.#pipe();
    this.#stdout = this.#pipe();
    this.#stderr = this.#pipe();
  }

  /** Our ends as sockets, which close them. */
  connect({ stdout, stderr }: PlainOptions): Pick<Launched, 'sources' | 'input'> {
    const take = (descriptor = -1) => {
      this.#descriptors.delete(descriptor);
      return descriptor;
    };
    const source = (pipe: Pipe | undefined, takeOutput: TakeOutput) =>
      new Socket({ fd: take(pipe?.readEnd), readable: true, writable: false, onread: readInto(takeOutput) });
    return {
      sources: [
        { stream: 'stdout', socket: source(this.#stdout, stdout) },
        { stream: 'stderr', socket: source(this.#stderr, stderr) },
      ],
      input: this.#stdin && new Socket({ fd: take(this.#stdin.writeEnd), readable: false, writable: true }),
    };
  }

  /** Closes what no socket has taken over. */
  close(): void {
    for (const descriptor of this.#descriptors) closeSync(descriptor);
  }

  #pipe(): Pipe {
    const pipe = libc().pipe();
    this.#descriptors.add(pipe.readEnd).add(pipe.writeEnd);
    return pipe;
  }
}
