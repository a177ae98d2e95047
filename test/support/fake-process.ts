import { EventEmitter, once } from 'node:events';
import { PassThrough } from 'node:stream';
import type { FakeContainer } from '../../src/driver/fake-engine.ts';
import type { FakeCommand } from './fake-commands.ts';

/** How a fake process has ended: by its exit status, or killed. */
export type FakeEnd = { readonly exitCode: number } | 'killed';

export interface FakeProcessRequest {
  readonly cmd: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly tag?: string;
}

export interface FakeOutput {
  readonly stream: 'stdout' | 'stderr';
  readonly bytes: Buffer;
}

/** A command that runs in a fake guest. It goes on when nobody is attached, and waits when nobody reads much of its output. */
export class RunningFake {
  readonly pid: number;
  readonly request: FakeProcessRequest;
  readonly stdin = new PassThrough();
  /** Resolves once it has ended; its output may not have been read yet. */
  readonly end: Promise<FakeEnd>;
  ended = false;
  readonly #streams = { stdout: new PassThrough(), stderr: new PassThrough() };
  readonly #killed = new AbortController();
  /** What each listener has still to be told. */
  readonly #untold = new Set<FakeOutput[]>();
  /** Emits `changed` when there is something to read, or to tell, or somebody has been told. */
  readonly #changes = new EventEmitter().setMaxListeners(0);

  constructor(pid: number, request: FakeProcessRequest, command: FakeCommand, { files, ended }: FakeContainer) {
    this.pid = pid;
    this.request = request;
    const { stdin } = this;
    const { stdout, stderr } = this.#streams;
    for (const stream of [stdout, stderr]) stream.on('readable', () => this.#read()).on('end', () => this.#changes.emit('changed'));
    const signal = AbortSignal.any([this.#killed.signal, ended.signal]);
    const cut = new Promise<FakeEnd>((resolve) => {
      signal.addEventListener('abort', () => resolve('killed'), { once: true });
    });
    const ran = Promise.resolve(command({ args: request.args, env: request.env, files, stdin, stdout, stderr, signal }));
    this.end = Promise.race([cut, ran.then((exitCode): FakeEnd => ({ exitCode }))]).then((end) => {
      this.ended = true;
      stdin.destroy();
      stdout.end();
      stderr.end();
      return end;
    });
  }

  kill(): void {
    this.#killed.abort();
  }

  /** What it prints, from what nobody has been told yet until it has ended. Whoever else listens is told the same. */
  async *output(signal: AbortSignal): AsyncGenerator<FakeOutput> {
    const untold: FakeOutput[] = [];
    this.#untold.add(untold);
    try {
      while (!signal.aborted) {
        const [next] = untold;
        if (next !== undefined) {
          yield next;
          untold.shift();
        } else if (Object.values(this.#streams).every(({ readableEnded }) => readableEnded)) {
          return;
        } else {
          const changed = once(this.#changes, 'changed', { signal });
          this.#read();
          await changed.catch(() => {}); // called off
        }
      }
    } finally {
      this.#untold.delete(untold);
      this.#read();
    }
  }

  /** Reads on when everybody has been told what was read before. */
  #read(): void {
    const listeners = [...this.#untold];
    if (listeners.length === 0 || listeners.some(({ length }) => length > 0)) return;
    for (const stream of ['stdout', 'stderr'] as const) {
      const bytes = this.#streams[stream].read() as Buffer | null;
      if (bytes !== null) for (const untold of listeners) untold.push({ stream, bytes });
    }
    if (listeners.some(({ length }) => length > 0)) this.#changes.emit('changed');
  }
}
