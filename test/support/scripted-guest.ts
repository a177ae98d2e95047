import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { until } from './grpc-world.ts';
import { tempFolder } from './temp-folder.ts';

/** A guest whose side of each connection a test plays. */
export class ScriptedGuest {
  /** The guest's sides of all connections, in the order in which they were made. */
  readonly connections: Socket[] = [];
  readonly #server: Server;
  /** The executor's sides. */
  readonly #made: Socket[] = [];

  private constructor(server: Server) {
    this.#server = server;
    server.on('connection', (socket) => this.connections.push(socket.on('error', () => {})));
  }

  static async start(): Promise<ScriptedGuest> {
    const server = createServer({ allowHalfOpen: true });
    server.listen(join(tempFolder(), 'guest.sock'));
    await once(server, 'listening');
    return new ScriptedGuest(server);
  }

  /** For `FakeDriverOptions.guest`. */
  readonly connect = (): Duplex => {
    const socket = connect({ path: this.#server.address() as string, allowHalfOpen: true });
    this.#made.push(socket);
    return socket;
  };

  /** Connections that the executor holds open. */
  get open(): number {
    return this.#made.filter((socket) => !socket.destroyed).length;
  }

  /** The guest's side of connection number `n`, once it is there. */
  async accepted(n: number): Promise<Socket> {
    await until(() => this.connections.length >= n);
    return this.connections[n - 1] as Socket;
  }

  async close(): Promise<void> {
    for (const connection of this.connections) connection.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

/** Resolves when the other side has hung up. Whatever has come until then is dropped. */
export async function hungUp(stream: Duplex): Promise<void> {
  stream.resume();
  await new Promise<void>((resolve) => {
    if (stream.readableEnded || stream.destroyed) resolve();
    stream.on('end', resolve).on('close', resolve);
  });
  stream.destroy();
}

/** All that comes from a stream until it ends; what is written to it goes on. */
export async function readAll(stream: Duplex): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream.iterator({ destroyOnReturn: false })) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** Writes as long as the stream takes more while other work is done. @returns how many bytes it was given. */
export async function fillUp(stream: Duplex, otherWork: () => Promise<unknown>): Promise<number> {
  const chunk = new Uint8Array(64 * 1024);
  let written = 0;
  let before = -1;
  while (written !== before) {
    before = written;
    for (let n = 0; n < 20; n += 1) {
      while (!stream.writableNeedDrain) {
        stream.write(chunk, () => {});
        written += chunk.length;
      }
      await otherWork();
    }
  }
  return written;
}
