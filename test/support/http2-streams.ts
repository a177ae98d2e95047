import { subscribe, unsubscribe } from 'node:diagnostics_channel';

const OPENED = ['http2.server.stream.created', 'http2.client.stream.created'];
const CLOSED = ['http2.server.stream.close', 'http2.client.stream.close'];

/** Counts the HTTP/2 streams of this process, both sides of each, that are not closed. */
export class Http2Streams {
  readonly #open = new Set<unknown>();
  readonly #onOpened = (message: unknown) => void this.#open.add((message as { stream: unknown }).stream);
  readonly #onClosed = (message: unknown) => void this.#open.delete((message as { stream: unknown }).stream);

  constructor() {
    for (const name of OPENED) subscribe(name, this.#onOpened);
    for (const name of CLOSED) subscribe(name, this.#onClosed);
  }

  get open(): number {
    return this.#open.size;
  }

  stop(): void {
    for (const name of OPENED) unsubscribe(name, this.#onOpened);
    for (const name of CLOSED) unsubscribe(name, this.#onClosed);
  }
}
