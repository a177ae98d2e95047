import type { ProcessEvent, SandboxProcess, SignalName } from '../../../sdk/src/index.ts';
import type { Cli } from '../cli.ts';
import { failureOf, failureText, Interrupted, isCoded } from '../failure.ts';
import type { Session } from '../session.ts';
import { SignalForwarding } from './signal-forwarding.ts';

/** Longest time to tell a process something when this one is about to end. */
const LAST_WORD_MS = 2_000;

export interface Following {
  readonly cli: Cli;
  readonly session: Session;
  readonly sandboxId: string;
  /** The process, from its start to its exit; ends when `signal` aborts. */
  readonly events: (signal: AbortSignal) => AsyncIterable<ProcessEvent>;
  readonly write: (stream: 'stdout' | 'stderr', bytes: Uint8Array, signal: AbortSignal) => Promise<void> | void;
  /** True: the standard input of this process is that of the other one. */
  readonly input: boolean;
  /** Whether it is killed when this process can't go on: nobody reads what it prints any more. */
  readonly owned: boolean;
}

/**
 * Stands in for a process in a sandbox: passes on what it prints, what it is given to read, and signals. Resolves with its exit code.
 * @throws what `events` throws; Interrupted after the second Ctrl-C.
 */
export async function followProcess(following: Following): Promise<number> {
  const { cli, session, events, write } = following;
  const end = new AbortController();
  const over = new AbortController();
  const signal = AbortSignal.any([session.signal, end.signal]);
  const forwarding = new SignalForwarding({
    send: (pid, name) => sendSignal(following, pid, name),
    giveUp: () => end.abort(new Interrupted('SIGINT')),
    now: cli.now,
  });
  const release = cli.takeSignals((name) => forwarding.receive(name));
  let pid: SandboxProcess['pid'] | undefined;
  let exitCode: number | undefined;
  try {
    for await (const event of events(signal)) {
      if ('start' in event) {
        ({ pid } = event.start);
        forwarding.started(pid);
        if (following.input) void passInput(following, pid, AbortSignal.any([signal, over.signal]), (error) => end.abort(error));
      } else if ('exit' in event) exitCode = event.exit.exit_code;
      else if ('stderr' in event) await write('stderr', event.stderr, signal);
      else await write('stdout', 'pty' in event ? event.pty : event.stdout, signal);
    }
    return exitCode ?? 0;
  } finally {
    release();
    over.abort();
    if (following.input) cli.stdin.destroy?.(); // what is still to be read, nobody wants any more
    const isLost = pid !== undefined && exitCode === undefined && signal.aborted && following.owned;
    if (isLost && pid !== undefined) await sendSignal(following, pid, 'SIGKILL');
  }
}

/**
 * Passes standard input on, to its end, until `over` aborts. That the process is gone, or reads no more, is no error; where the
 * connection broke, that may be why, and then its exit is about to be told.
 */
async function passInput({ cli, session, sandboxId }: Following, pid: number, over: AbortSignal, fail: (error: unknown) => void) {
  const input = ReadableStream.from(cli.stdin as unknown as AsyncIterable<Uint8Array>);
  try {
    await session.sandglass.processes.write(sandboxId, pid, input, { close: true, signal: over });
  } catch (thrown) {
    if (over.aborted || !isCoded(thrown) || thrown.reason !== 'unreachable') return;
    const timer = setTimeout(() => fail(thrown), LAST_WORD_MS);
    over.addEventListener('abort', () => clearTimeout(timer), { once: true });
  }
}

async function sendSignal({ cli, session, sandboxId }: Following, pid: number, name: SignalName): Promise<void> {
  try {
    await session.sandglass.processes.signal(sandboxId, pid, name, { signal: AbortSignal.timeout(LAST_WORD_MS) });
  } catch (thrown) {
    const hasEnded = isCoded(thrown) && thrown.reason === 'process_not_found';
    if (!hasEnded) cli.note(failureText({ ...failureOf(thrown), message: `could not send ${name}: ${failureOf(thrown).message}` }));
  }
}
