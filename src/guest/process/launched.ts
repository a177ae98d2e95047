import type { Socket } from 'node:net';
import type { Writable } from 'node:stream';
import type { TerminalSize } from './launch-plan.ts';
import type { ExitStatus } from './signals.ts';

/** Which way something was printed. */
export type OutputStream = 'stdout' | 'stderr' | 'pty';

/** Takes what a process prints. The bytes are valid only during the call. @returns false to have no more read until `resume`. */
export type TakeOutput = (bytes: Uint8Array) => boolean;

/** Where a process prints to. It is read from the first `resume` on, and closes at its end. */
export interface OutputSource {
  readonly stream: OutputStream;
  readonly socket: Socket;
}

/** A process that has just been started, with all that connects it to the guest. */
export interface Launched {
  readonly pid: number;
  readonly sources: readonly OutputSource[];
  /** Absent when it reads nothing. */
  readonly input: Writable | undefined;
  readonly exited: Promise<ExitStatus>;
  /** Present when it has a terminal. */
  readonly resize?: (size: TerminalSize) => void;
}
