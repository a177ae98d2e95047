import type { ExecutorId, SandboxId } from '../model/ids.ts';

/** How the REST API reaches a sandbox's processes, wherever they are. `grpc/` implements it over the executor's own connection. */
export interface CommandRunner {
  /**
   * Starts a command. Resolves once the executor has been asked; whether the command could be started is the first thing
   * that `output` tells: it throws what the driver threw (`command_not_found`, `sandbox_not_running` …).
   * When `signal` aborts, the command is killed.
   * @throws SandglassError `executor_unavailable` when the executor is not connected, `too_many_requests` when it runs too
   * many commands, `invalid_request` when the command is longer than any system takes.
   */
  run(executorId: ExecutorId, request: CommandRequest, signal: AbortSignal): Promise<RemoteCommand>;
}

export interface CommandRequest {
  readonly sandboxId: SandboxId;
  /** Program and arguments, at least one. */
  readonly command: readonly string[];
  /** Complete: sandbox, secrets and the command's own have been merged. */
  readonly env: Readonly<Record<string, string>>;
  readonly workdir?: string;
  readonly user?: string;
}

export interface RemoteCommand {
  /** What the command prints, in the order of each stream, then its end. The executor waits when nobody reads. */
  readonly output: AsyncIterable<CommandOutput>;
  /** Resolves when more can be written. */
  writeStdin(bytes: Uint8Array): Promise<void>;
  closeStdin(): void;
}

export type CommandOutput = { readonly stdout: Uint8Array } | { readonly stderr: Uint8Array } | { readonly exitCode: number };
