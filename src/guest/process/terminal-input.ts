import { writeSync } from 'node:fs';
import type { Socket } from 'node:net';
import { Writable } from 'node:stream';

/** Waits between two looks at a terminal that takes nothing, the first and the longest; milliseconds. */
const FIRST_WAIT_MS = 1;
const LONGEST_WAIT_MS = 50;

/**
 * What is typed into a terminal. Node writes to terminals in a way that stops the whole program until all has been taken: a process
 * that waits for its own output to be read would then never read on. Here nothing is written but what the terminal has room for.
 */
export class TerminalInput extends Writable {
  readonly #fd: number;
  readonly #terminal: Socket;
  #timer: NodeJS.Timeout | undefined;
  /** Ends the write that waits. */
  #waiting: ((error: Error) => void) | undefined;

  /**
   * @param fd of the terminal's side that is ours; it does not block.
   * @param terminal reads from it, and closes it.
   */
  constructor(fd: number, terminal: Socket) {
    super({ decodeStrings: true });
    this.#fd = fd;
    this.#terminal = terminal;
    terminal.once('close', () => this.destroy());
  }

  override _write(bytes: Buffer, _encoding: string, done: (error?: Error) => void): void {
    this.#write(bytes, FIRST_WAIT_MS, done);
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    clearTimeout(this.#timer);
    this.#waiting?.(error ?? new Error('the terminal is closed'));
    done(error);
  }

  #write(bytes: Buffer, waitMs: number, done: (error?: Error) => void): void {
    this.#waiting = undefined;
    // Once it is destroyed, the number may be that of another file.
    if (this.#terminal.destroyed) {
      done(new Error('the terminal is closed'));
      return;
    }
    let rest = bytes;
    try {
      while (rest.length > 0) rest = rest.subarray(writeSync(this.#fd, rest));
      done();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') {
        done(error as Error);
        return;
      }
      const nextMs = rest.length < bytes.length ? FIRST_WAIT_MS : Math.min(2 * waitMs, LONGEST_WAIT_MS);
      this.#waiting = done;
      this.#timer = setTimeout(() => this.#write(rest, nextMs, done), waitMs);
    }
  }
}
