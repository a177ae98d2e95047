import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** A link between a client and a server that can be broken in the ways that real links break. */
export class TcpProxy {
  /** Where new connections are led to. */
  target: { readonly host: string; readonly port: number };
  /** How many connections were made. */
  connections = 0;
  readonly #server: Server;
  readonly #pairs = new Set<readonly [Socket, Socket]>();
  #mode: 'forward' | 'black-hole' | 'refuse' = 'forward';
  #delayMs = 0;

  private constructor(server: Server, target: { host: string; port: number }) {
    this.#server = server;
    this.target = target;
  }

  static async start(target: { host: string; port: number }): Promise<TcpProxy> {
    const server = createServer({ noDelay: true });
    const proxy = new TcpProxy(server, target);
    server.on('connection', (client) => proxy.#accept(client));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Bytes pass, on connections that are there and on new ones. */
  forward(): void {
    this.#mode = 'forward';
    for (const [a, b] of this.#pairs) {
      a.resume();
      b.resume();
    }
  }

  /** Connections stay open, and nothing passes any more: a cable that was pulled. New connections are accepted, and lead nowhere. */
  blackHole(): void {
    this.#mode = 'black-hole';
    for (const [a, b] of this.#pairs) {
      a.pause();
      b.pause();
    }
  }

  /** Resets all connections. New ones work. */
  cut(): void {
    for (const [a, b] of this.#pairs) {
      a.resetAndDestroy();
      b.resetAndDestroy();
    }
  }

  /** Resets all connections, and new ones too. */
  refuse(): void {
    this.#mode = 'refuse';
    this.cut();
  }

  /** Every chunk takes this long each way. */
  delay(ms: number): void {
    this.#delayMs = ms;
  }

  async close(): Promise<void> {
    this.cut();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #accept(client: Socket): void {
    this.connections += 1;
    if (this.#mode === 'refuse') {
      client.resetAndDestroy();
      return;
    }
    const server = connect({ ...this.target, noDelay: true });
    const pair = [client, server] as const;
    this.#pairs.add(pair);
    this.#pipe(client, server, pair);
    this.#pipe(server, client, pair);
    if (this.#mode === 'black-hole') this.blackHole();
  }

  #pipe(from: Socket, to: Socket, pair: readonly [Socket, Socket]): void {
    from.on('error', () => {});
    from.on('close', () => {
      this.#pairs.delete(pair);
      to.destroy();
    });
    from.on('end', () => to.end());
    from.on('data', (chunk) => {
      const pass = () => {
        if (to.destroyed || to.write(chunk)) return;
        from.pause();
        to.once('drain', () => {
          if (this.#mode === 'forward') from.resume();
        });
      };
      if (this.#delayMs > 0) setTimeout(pass, this.#delayMs);
      else pass();
    });
  }
}
