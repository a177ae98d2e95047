import { Duplex } from 'node:stream';
import { CHUNK_BYTES } from './limits.ts';

/** One side's way to the other side of a tunnel. */
export interface TunnelChannel {
  /** The next bytes from the other side; undefined at their end. @throws why there are no more. */
  receive(): Promise<Uint8Array | undefined>;
  /** Sends at most `CHUNK_BYTES`. Resolves when there is room for more; with false when nothing is taken any more. */
  send(bytes: Uint8Array): Promise<boolean>;
  /** Says that no more comes from here. Resolves like `send`. */
  end(): Promise<boolean>;
  /** The stream is over: it is `complete` when both ways have ended, else it broke with `error`, or whoever used it has left it. */
  close(complete: boolean, error: Error | null): void;
}

/**
 * A tunnel as a stream, the same on both sides. Each way ends by itself. Nothing piles up: bytes are asked for when somebody
 * reads, and writers wait until what they wrote is on its way.
 */
export class TunnelStream extends Duplex {
  readonly #channel: TunnelChannel;
  #ended = false;

  constructor(channel: TunnelChannel) {
    super({ allowHalfOpen: true, readableHighWaterMark: CHUNK_BYTES, writableHighWaterMark: CHUNK_BYTES });
    this.#channel = channel;
    this.read(0); // whoever only writes is to learn of a failure too
  }

  override _read(): void {
    this.#channel.receive().then(
      (bytes) => {
        if (this.destroyed) return;
        this.#ended = bytes === undefined;
        this.push(bytes ?? null);
      },
      (error: Error) => this.destroy(error),
    );
  }

  override _write(bytes: Uint8Array, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#send(bytes).then(done, done);
  }

  /** Many small pieces go as few large ones. */
  override _writev(pieces: readonly { readonly chunk: Uint8Array }[], done: (error?: Error | null) => void): void {
    this.#send(Buffer.concat(pieces.map(({ chunk }) => chunk))).then(done, done);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#channel.end().then((taken) => done(taken ? null : overError()), done);
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#channel.close(this.#ended && this.writableFinished, error);
    done(error);
  }

  async #send(bytes: Uint8Array): Promise<Error | null> {
    for (let at = 0; at < bytes.length; at += CHUNK_BYTES) {
      if (!(await this.#channel.send(bytes.subarray(at, at + CHUNK_BYTES)))) return overError();
    }
    return null;
  }
}

/** What a writer gets when the tunnel ends under it. Why it ended is what its reader gets, mostly before. */
function overError(): Error {
  return Object.assign(new Error('the tunnel is over'), { code: 'EPIPE' });
}
