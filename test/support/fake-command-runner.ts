import type { CommandOutput, CommandRequest, CommandRunner, RemoteCommand } from '../../src/server/command-runner.ts';
import type { GuestTarget } from '../../src/server/guests/guest-clients.ts';

/** What a test has a command do: yield what it prints, and its exit code. `stdin` resolves once it has been closed. */
export type CommandScript = (command: { readonly signal: AbortSignal; readonly stdin: Promise<string> }) => AsyncIterable<CommandOutput>;

/** Runs scripts of tests in place of commands, and remembers what it was asked for. */
export class FakeCommandRunner implements CommandRunner {
  /** Signals of the commands, in their order: aborted once a command has been killed. */
  readonly signals: AbortSignal[] = [];
  script: CommandScript = async function* () {
    yield { exitCode: 0 };
  };

  async run(_target: GuestTarget, _request: CommandRequest, signal: AbortSignal): Promise<RemoteCommand> {
    this.signals.push(signal);
    const written: Uint8Array[] = [];
    const stdin = Promise.withResolvers<string>();
    return {
      output: this.script({ signal, stdin: stdin.promise }),
      async writeStdin(bytes) {
        written.push(bytes);
      },
      closeStdin: async () => stdin.resolve(Buffer.concat(written).toString()),
    };
  }
}

export const bytes = (text: string) => new TextEncoder().encode(text);

/** Resolves when `signal` aborts: for scripts of commands that only end when they are killed. */
export function killed(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
