import type { IncomingMessage } from 'node:http';
import { connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { GuestError } from './guest-error.ts';
import { errorText } from './http-answer.ts';

/** Where programs listen that serve only their own machine: most on IPv4, some on IPv6 alone. */
const HOSTS = ['127.0.0.1', '::1'];
/** A full queue of connections says nothing at all. */
const CONNECT_MS = 10_000;

/** Answers `CONNECT 127.0.0.1:PORT` with a pipe to that port of the sandbox, in which each side can end its own direction. */
export async function servePort(request: IncomingMessage, client: Duplex, head: Buffer): Promise<void> {
  client.on('error', () => client.destroy());
  try {
    const port = portOf(request.url ?? '');
    const upstream = await reach(port);
    upstream.on('error', () => client.destroy());
    destroyWhenBroken(client, upstream);
    destroyWhenBroken(upstream, client);
    client.write('HTTP/1.1 200 Connection Established\r\n\r\n');
    if (head.length > 0) upstream.write(head);
    client.pipe(upstream);
    upstream.pipe(client);
  } catch (error) {
    client.end(errorText(GuestError.from(error)));
  }
}

/** Ends that have been passed on leave the other side to finish: what it has not sent yet must not be lost. */
function destroyWhenBroken(from: Duplex, to: Duplex): void {
  from.on('close', () => {
    if (!from.readableEnded || !from.writableFinished) to.destroy();
  });
}

function portOf(authority: string): number {
  const port = Number(/^(?:127\.0\.0\.1|localhost):(\d{1,5})$/.exec(authority)?.[1]);
  if (port >= 1 && port <= 65_535) return port;
  throw new GuestError('invalid_request', 'CONNECT takes 127.0.0.1 and a port from 1 to 65535');
}

async function reach(port: number): Promise<Socket> {
  let reason = '';
  for (const host of HOSTS) {
    try {
      return await open(host, port);
    } catch (error) {
      reason ||= (error as NodeJS.ErrnoException).code ?? String(error);
    }
  }
  const words = reason === 'ECONNREFUSED' ? 'nothing listens there' : reason;
  throw new GuestError('port_unreachable', `port ${port} of the sandbox is unreachable: ${words}`);
}

function open(host: string, port: number): Promise<Socket> {
  const { promise, resolve, reject } = Promise.withResolvers<Socket>();
  const socket = connect({ host, port, allowHalfOpen: true, noDelay: true });
  const timer = setTimeout(() => socket.destroy(new Error('it does not answer')), CONNECT_MS);
  socket.once('error', reject);
  socket.once('connect', () => {
    socket.off('error', reject);
    resolve(socket);
  });
  return promise.finally(() => clearTimeout(timer));
}
