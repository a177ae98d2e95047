import type { IncomingMessage } from 'node:http';
import { WebSocket } from 'ws';
import { type ErrorCode, SandglassError, type WebSocketClass } from '../../sdk/src/index.ts';

const HANDSHAKE_TIMEOUT_MS = 30_000;
const PING_MS = 15_000;
const MAX_REFUSAL_BYTES = 64 * 1024;

/**
 * Can be told to wait, unlike the platform's own; tells why a server refuses it; and notices when the other end has silently gone.
 */
class PingingWebSocket extends WebSocket {
  constructor(url: string, protocols: string[]) {
    super(url, protocols, { perMessageDeflate: false, handshakeTimeout: HANDSHAKE_TIMEOUT_MS });
    this.on('open', () => this.#keepAsking());
    this.on('unexpected-response', (_request, response) => void this.#refuse(response));
  }

  async #refuse(response: IncomingMessage): Promise<void> {
    const refusal = await readRefusal(response);
    if (refusal === undefined) this.emit('error', new Error(`the server answered ${response.statusCode}`));
    else this.emit('error', new SandglassError(refusal.code, refusal.reason, refusal.message, { status: response.statusCode }));
    this.terminate();
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

interface Refusal {
  readonly code: ErrorCode;
  readonly reason: string;
  readonly message: string;
}

/** The error in an answer of the API; undefined for anything else, such as a proxy's page. */
async function readRefusal(response: IncomingMessage): Promise<Refusal | undefined> {
  let text = '';
  try {
    for await (const chunk of response.setEncoding('utf8')) {
      text += chunk;
      if (text.length > MAX_REFUSAL_BYTES) return undefined;
    }
    const { error } = JSON.parse(text) as { error?: Partial<Refusal> };
    const isComplete = typeof error?.code === 'string' && typeof error.reason === 'string' && typeof error.message === 'string';
    return isComplete ? (error as Refusal) : undefined;
  } catch {
    return undefined;
  }
}

export const CliWebSocket = PingingWebSocket as unknown as WebSocketClass;
