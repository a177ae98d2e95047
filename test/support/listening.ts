import { once } from 'node:events';
import { createServer as createHttpServer, type Server as HttpServer, type RequestListener } from 'node:http';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';

/** A program that listens on a port of this host for the length of a test. */
export interface Listening<S extends Server> {
  readonly server: S;
  readonly port: number;
}

/** @param listener gets every connection. */
export async function listenTcp(listener: (socket: Socket) => void): Promise<Listening<Server>> {
  return listening(createServer({ allowHalfOpen: true }, (socket) => void listener(socket.on('error', () => {}))));
}

/** @param listener gets every request. */
export async function listenHttp(listener: RequestListener): Promise<Listening<HttpServer>> {
  return listening(createHttpServer(listener));
}

async function listening<S extends Server>(server: S): Promise<Listening<S>> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return { server, port: (server.address() as AddressInfo).port };
}
