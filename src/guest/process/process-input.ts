import type { Socket } from 'node:net';
import { GuestError } from '../guest-error.ts';

/** Input that waits for a process to read it, at most; bytes. */
const MAX_WAITING = 16 * 1024 * 1024;

/** The standard input of a process: what is written waits until the process reads. */
export class ProcessInput {
  readonly #pid: number;
  readonly #socket: Socket | undefined;

  /** @param socket absent when the process reads nothing. */
  constructor(pid: number, socket: Socket | undefined) {
    this.#pid = pid;
    this.#socket = socket;
    socket?.on('error', () => {}); // A process may close its input whenever it likes; whoever writes next hears of it.
  }

  /**
   * Resolves once the bytes are in the pipe.
   * @throws GuestError `invalid_request` when the process has no input, or has closed it; `too_many_requests` when too much waits.
   */
  async write(bytes: Uint8Array): Promise<void> {
    const socket = this.#socket;
    if (socket === undefined) throw new GuestError('invalid_request', `process ${this.#pid} was started without standard input`);
    if (!socket.writable) throw this.#closed();
    if (socket.writableLength + bytes.length > MAX_WAITING && socket.writableLength > 0) {
      throw new GuestError('too_many_requests', `process ${this.#pid} does not read its standard input, and too much of it waits already`);
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    socket.write(bytes, (error) => (error ? reject(this.#closed(error)) : resolve()));
    await promise;
  }

  /** Ends the input behind what has been written. Nothing happens when it has ended already. */
  end(): void {
    this.#socket?.end();
  }

  /** Gives up what the process has not read. */
  close(): void {
    this.#socket?.destroy();
  }

  #closed(cause?: Error): GuestError {
    return new GuestError('invalid_request', `the standard input of process ${this.#pid} is closed`, { cause });
  }
}
