import { Agent, type IncomingMessage, request } from 'node:http';
import { Readable } from 'node:stream';

export type Endpoint = { readonly socketPath: string } | { readonly host: string; readonly port: number };

export interface Answer {
  readonly status: number;
  readonly body: Buffer;
}

/** The leanest client that Node has, for both sides of a comparison: connections are kept, nothing is checked or repeated. */
export class HttpClient {
  readonly #endpoint: Endpoint;
  readonly #signal: AbortSignal;
  readonly #agent = new Agent({ keepAlive: true });

  constructor(endpoint: Endpoint, signal: AbortSignal) {
    this.#endpoint = endpoint;
    this.#signal = signal;
  }

  /** Resolves once the whole answer is there, whatever its status. */
  send(method: string, path: string, body?: unknown): Promise<Answer> {
    const text = body === undefined ? undefined : JSON.stringify(body);
    const headers = text === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) };
    return new Promise((resolve, reject) => {
      const options = { ...this.#endpoint, method, path, headers, agent: this.#agent, signal: this.#signal };
      request(options, (response) => readAnswer(response).then(resolve, reject))
        .on('error', reject)
        .end(text);
    });
  }

  /** Sends `times` × `piece` as the body. Resolves once the whole answer is there. */
  upload(method: string, path: string, piece: Buffer, times: number): Promise<Answer> {
    const headers = { 'content-type': 'application/octet-stream', 'content-length': piece.length * times };
    return new Promise((resolve, reject) => {
      const options = { ...this.#endpoint, method, path, headers, agent: this.#agent, signal: this.#signal };
      const outgoing = request(options, (response) => readAnswer(response).then(resolve, reject)).on('error', reject);
      const body = Readable.from(repeat(piece, times), { objectMode: false, highWaterMark: piece.length });
      body.pipe(outgoing);
    });
  }

  /** Reads the answer's body and drops it. @returns status and the number of bytes. */
  download(path: string): Promise<{ readonly status: number; readonly sizeBytes: number }> {
    return new Promise((resolve, reject) => {
      const options = { ...this.#endpoint, method: 'GET', path, agent: this.#agent, signal: this.#signal };
      request(options, (response) => {
        let sizeBytes = 0;
        response.on('data', (chunk: Buffer) => {
          sizeBytes += chunk.length;
        });
        response.on('end', () => resolve({ status: response.statusCode ?? 0, sizeBytes }));
        response.on('error', reject);
      })
        .on('error', reject)
        .end();
    });
  }

  /** The JSON of the answer. @throws Error when its status is not 2xx. */
  async json<T>(method: string, path: string, body?: unknown): Promise<T> {
    const { status, body: bytes } = await this.send(method, path, body);
    if (status < 200 || status > 299) throw new Error(`${method} ${path} was answered with ${status}: ${bytes}`);
    return (bytes.length === 0 ? undefined : JSON.parse(bytes.toString())) as T;
  }

  close(): void {
    this.#agent.destroy();
  }
}

function* repeat(piece: Buffer, times: number): Generator<Buffer> {
  for (let i = 0; i < times; i++) yield piece;
}

async function readAnswer(response: IncomingMessage): Promise<Answer> {
  const chunks: Buffer[] = [];
  for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk);
  return { status: response.statusCode ?? 0, body: Buffer.concat(chunks) };
}
