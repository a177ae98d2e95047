import { abortable } from '../../lib/abortable.ts';
import type { CommandOutput, CommandRequest, CommandRunner, RemoteCommand } from '../command-runner.ts';
import type { GuestClient } from './guest-client.ts';
import type { GuestClients, GuestTarget } from './guest-clients.ts';
import { type AttachedProcess, closeStdin, sendInput, signalProcess, startProcess } from './processes.ts';

const SIGKILL = 9;

/** For what must be brought to its end, whoever has gone meanwhile. The guest's limits bound it. */
const never = new AbortController().signal;

/** Runs commands as processes of the sandboxes' guests. */
export class GuestCommandRunner implements CommandRunner {
  readonly #guests: Pick<GuestClients, 'of'>;

  constructor(guests: Pick<GuestClients, 'of'>) {
    this.#guests = guests;
  }

  async run(target: GuestTarget, request: CommandRequest, signal: AbortSignal): Promise<RemoteCommand> {
    signal.throwIfAborted();
    const { command, env, workdir, user, stdin, timeoutMs } = request;
    const [cmd = '', ...args] = command;
    const guest = this.#guests.of(target);
    // Not given up with `signal`: a process can be killed only once its pid has come.
    const starting = startProcess(guest, { cmd, args, env, cwd: workdir, user, stdin, timeoutMs }, never);
    try {
      return remoteCommand(guest, await abortable(starting, signal), signal);
    } catch (error) {
      if (signal.aborted) void starting.then((process) => kill(guest, process.pid).finally(() => process.close())).catch(() => {});
      throw error;
    }
  }
}

function remoteCommand(guest: GuestClient, process: AttachedProcess, signal: AbortSignal): RemoteCommand {
  const over = new AbortController();
  const onAbort = () => {
    over.abort(signal.reason);
    void kill(guest, process.pid);
  };
  signal.addEventListener('abort', onAbort, { once: true });
  const onEnd = () => {
    signal.removeEventListener('abort', onAbort);
    over.abort();
  };
  return {
    output: commandOutput(process, onEnd),
    writeStdin: (bytes) => sendInput(guest, process.pid, bytes, over.signal),
    closeStdin: () => closeStdin(guest, process.pid, over.signal),
  };
}

async function* commandOutput(process: AttachedProcess, onEnd: () => void): AsyncGenerator<CommandOutput, void, undefined> {
  for await (const output of process.output()) {
    if ('exitCode' in output) onEnd();
    yield 'pty' in output ? { stdout: output.pty } : output;
  }
}

/** Ends a process for good. Never throws: when the guest is gone, so is what it ran. */
async function kill(guest: GuestClient, pid: number): Promise<void> {
  try {
    await signalProcess(guest, pid, SIGKILL, never);
  } catch {
    // It has ended meanwhile, or will when its time is up.
  }
}
