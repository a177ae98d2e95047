import type { GuestTarget } from './guests/guest-clients.ts';

/** How the REST API runs commands in sandboxes, wherever they are. */
export interface CommandRunner {
  /**
   * Starts a command. Resolves once it runs. When `signal` aborts, now or later, the command is killed with all that it started.
   * @throws SandglassError `command_not_found`, `invalid_user`, `invalid_workdir`, `sandbox_not_running`, `guest_unavailable`,
   * `executor_unavailable`, `too_many_requests`; the signal's reason.
   */
  run(target: GuestTarget, request: CommandRequest, signal: AbortSignal): Promise<RemoteCommand>;
}

export interface CommandRequest {
  /** Program and arguments, at least one. */
  readonly command: readonly string[];
  /** On top of what every process of the sandbox gets. */
  readonly env: Readonly<Record<string, string>>;
  /** The sandbox's own when absent; below that when relative. */
  readonly workdir?: string;
  /** The sandbox's own when absent. */
  readonly user?: string;
  /** False: the command reads nothing, and `writeStdin` is not to be called. */
  readonly stdin: boolean;
  /** Killed when it runs longer, even if nobody is there any more to abort `signal`. */
  readonly timeoutMs: number;
}

export interface RemoteCommand {
  /** What the command prints, in the order of each stream, then its end. To be read once; the command waits when nobody reads. */
  readonly output: AsyncIterable<CommandOutput>;
  /** Resolves when more can be written. @throws when the command does not take it, or has ended. */
  writeStdin(bytes: Uint8Array): Promise<void>;
  /** @throws likewise. */
  closeStdin(): Promise<void>;
}

export type CommandOutput = { readonly stdout: Uint8Array } | { readonly stderr: Uint8Array } | { readonly exitCode: number };
