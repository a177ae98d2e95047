import type { CallOptions } from './call-options.ts';
import { path, sandboxPath } from './paths.ts';
import { openSandboxSocket } from './sandbox-socket.ts';
import type { Socket } from './socket.ts';
import type { Transport } from './transport.ts';

const PROTOCOL = 'sandglass.tcp.v1';
/** Largest message that is sent: what the other end has to take in one piece. */
const MAX_MESSAGE_BYTES = 64 * 1024;

/** A TCP connection. Both directions wait for whoever is slower, and end one by one. */
export interface PortConnection {
  /** Ends when the program in the sandbox has said all that it has to say. */
  readonly readable: ReadableStream<Uint8Array>;
  /** Closing it tells the program that nothing more comes; aborting it breaks the connection. */
  readonly writable: WritableStream<Uint8Array>;
  /** Breaks the connection. */
  close(): void;
}

/** Ports on which programs in sandboxes listen. */
export class Ports {
  readonly #transport: Transport;
  readonly #namespace: string;

  constructor(transport: Transport, namespace: string) {
    this.#transport = transport;
    this.#namespace = namespace;
  }

  /** Where the server passes HTTP and WebSockets on to a port: for a browser or another client, which needs the key in a header. */
  url(sandboxId: string, port: number): string {
    return this.#transport.urlOf(`${sandboxPath(this.#namespace, sandboxId)}${path`/ports/${String(port)}/`}`);
  }

  /** Connects to a port. @throws SandglassError `port_unreachable`, `sandbox_not_running`; `websocket_unavailable`. */
  async connect(sandboxId: string, port: number, { signal }: CallOptions = {}): Promise<PortConnection> {
    const call = { path: path`/tcp/${String(port)}`, protocol: PROTOCOL, signal };
    const socket = await openSandboxSocket(this.#transport, this.#namespace, sandboxId, call);
    return connectionOver(socket);
  }
}

function connectionOver(socket: Socket): PortConnection {
  const ends = { received: false, sent: false };
  const end = (which: 'received' | 'sent') => {
    ends[which] = true;
    if (ends.received && ends.sent) socket.close();
  };
  return {
    readable: receiving(socket, () => end('received')),
    writable: sending(socket, () => end('sent')),
    close: () => socket.close(),
  };
}

function receiving(socket: Socket, end: () => void): ReadableStream<Uint8Array> {
  const messages = socket[Symbol.asyncIterator]();
  const source = {
    async pull(controller: ReadableStreamDefaultController<Uint8Array>) {
      const { value, done } = await messages.next();
      if (value instanceof Uint8Array) {
        controller.enqueue(value);
        return;
      }
      // The only message in text is the one that says that nothing more comes.
      if (!done) end();
      controller.close();
    },
    cancel: () => socket.close(),
  };
  return new ReadableStream<Uint8Array>(source, { highWaterMark: 0 });
}

function sending(socket: Socket, end: () => void): WritableStream<Uint8Array> {
  return new WritableStream({
    async write(chunk: Uint8Array) {
      for (let at = 0; at < chunk.length; at += MAX_MESSAGE_BYTES) await socket.send(chunk.subarray(at, at + MAX_MESSAGE_BYTES));
    },
    async close() {
      await socket.send('{"type":"end"}');
      end();
    },
    abort: () => socket.close(),
  });
}
