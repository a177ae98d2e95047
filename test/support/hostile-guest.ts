import { type Duplex, duplexPair } from 'node:stream';
import type { SandboxLink } from '../../src/server/sandbox-link.ts';

/** What a guest does on a connection, once the first bytes of a request have come. */
export type Misdeed = (connection: Duplex) => void;

/** A guest that does as it likes, in bytes. */
export class HostileGuest implements Pick<SandboxLink, 'connectGuest'> {
  misdeed: Misdeed = () => {};
  /** Connections that the server has closed, or that were closed for it. */
  closed = 0;
  connections = 0;

  async connectGuest(): Promise<Duplex> {
    const [near, far] = duplexPair();
    this.connections++;
    near.once('close', () => {
      this.closed++;
      far.destroy();
    });
    far.on('error', () => {});
    far.once('data', () => this.misdeed(far));
    far.resume();
    return near;
  }
}

/** Writes `bytes` again and again, as fast as they are taken, until the connection closes. */
export function flood(connection: Duplex, bytes: string | Uint8Array): void {
  while (!connection.destroyed && connection.write(bytes));
  if (!connection.destroyed) connection.once('drain', () => flood(connection, bytes));
}

/** An answer in HTTP with a body that ends with the connection, unless `headers` say otherwise. */
export function answerOf(headers: readonly string[], body: Uint8Array | string = ''): Uint8Array {
  return Buffer.concat([Buffer.from(`HTTP/1.1 200 OK\r\n${headers.map((one) => `${one}\r\n`).join('')}\r\n`), Buffer.from(body)]);
}

/** A message of a stream in the Connect protocol, with the length that it claims. */
export function envelope(flags: number, body: Uint8Array | string, length = Buffer.byteLength(body)): Uint8Array {
  const header = Buffer.alloc(5);
  header[0] = flags;
  header.writeUInt32BE(length, 1);
  return Buffer.concat([header, Buffer.from(body)]);
}
