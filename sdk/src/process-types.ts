import type { ExecParams } from './types.ts';

/** A process that was started through the API and still runs. */
export interface SandboxProcess {
  readonly pid: number;
  readonly cmd: string;
  readonly args: readonly string[];
  readonly cwd?: string;
  /** The name that it was given when it was started. */
  readonly tag?: string;
}

/** Size of a terminal in characters. */
export interface TerminalSize {
  readonly cols: number;
  readonly rows: number;
}

interface StartOptions {
  /** On top of the sandbox's own. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly user?: string;
  /** A name to find it by. */
  readonly tag?: string;
  /** True: its standard input is open, see `write`. Otherwise it reads nothing. */
  readonly stdin?: boolean;
  /** It gets a terminal of this size, and prints to that alone. */
  readonly pty?: TerminalSize;
  /** It is killed when it takes longer; without it there is no end. */
  readonly timeout_secs?: number;
}

/** A process to start: a program with arguments, or a line for `/bin/sh`. */
export type StartParams = StartOptions &
  (Pick<ExecParams & { cmd: string }, 'cmd' | 'args'> | Pick<ExecParams & { shell: string }, 'shell'>);

export interface ProcessExit {
  /** 128 + n when signal n ended it. */
  readonly exit_code: number;
}

/** What a process tells, in order: that it runs, its output byte by byte as it was printed, and its exit. */
export type ProcessEvent =
  | { readonly start: { readonly pid: number } }
  | { readonly stdout: Uint8Array }
  | { readonly stderr: Uint8Array }
  | { readonly pty: Uint8Array }
  | { readonly exit: ProcessExit };

/** Signals by name, as on Linux. */
export type SignalName = `SIG${string}`;
