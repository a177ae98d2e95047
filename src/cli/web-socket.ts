import { WebSocket } from 'ws';
import type { WebSocketClass } from '../../sdk/src/index.ts';

const HANDSHAKE_TIMEOUT_MS = 30_000;
const PING_MS = 15_000;

/** Can be told to wait, unlike the platform's own; and notices when the other end has silently gone. */
class PingingWebSocket extends WebSocket {
  constructor(url: string, protocols: string[]) {
    super(url, protocols, { perMessageDeflate: false, handshakeTimeout: HANDSHAKE_TIMEOUT_MS });
    this.on('open', () => this.#keepAsking());
  }

  #keepAsking(): void {
    let isAlive = true;
    this.on('pong', () => {
      isAlive = true;
    });
    const timer = setInterval(() => {
      // While it is paused, answers are not read either.
      if (!isAlive && !this.isPaused) this.terminate();
      isAlive = false;
      this.ping();
    }, PING_MS);
    this.on('close', () => clearInterval(timer));
  }
}

export const CliWebSocket = PingingWebSocket as unknown as WebSocketClass;
