import type { Writable } from 'node:stream';
import { GuestError } from '../guest-error.ts';

/** Input that waits for a process to read it, at most; bytes. */
const MAX_WAITING = 16 * 1024 * 1024;

/** The standard input of a process: what is written waits until the process reads. */
export class ProcessInput {
  readonly #pid: number;
  readonly #stream: Writable | undefined;

  /** @param stream absent when the process reads nothing. */
  constructor(pid: number, stream: Writable | undefined) {
    this.#pid = pid;
    this.#stream = stream;
    stream?.on('error', () => {}); // A process may close its input whenever it likes; whoever writes next hears of it.
  }

  /**
   * Resolves once the bytes are in the pipe.
   * @throws GuestError `invalid_request` when the process has no input, or has closed it; `too_many_requests` when too much waits.
   */
  async write(bytes: Uint8Array): Promise<void> {
    const stream = this.#stream;
    if (stream === undefined) throw new GuestError('invalid_request', `process ${this.#pid} was started without standard input`);
    if (!stream.writable) throw this.#closed();
    if (stream.writableLength + bytes.length > MAX_WAITING && stream.writableLength > 0) {
      throw new GuestError('too_many_requests', `process ${this.#pid} does not read its standard input, and too much of it waits already`);
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    stream.write(bytes, (error) => (error ? reject(this.#closed(error)) : resolve()));
    await promise;
  }

  /** Ends the input behind what has been written. Nothing happens when it has ended already. */
  end(): void {
    this.#stream?.end();
  }

  /** Gives up what the process has not read. */
  close(): void {
    this.#stream?.destroy();
  }

  #closed(cause?: Error): GuestError {
    return new GuestError('invalid_request', `the standard input of process ${this.#pid} is closed`, { cause });
  }
}
