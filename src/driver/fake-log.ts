import type { LogLine, LogsRequest } from '../model/telemetry.ts';

/** What the main process of a fake sandbox has printed. */
export class FakeLog {
  readonly #lines: LogLine[] = [];
  readonly #ended: AbortSignal;
  readonly #wakers = new Set<() => void>();

  /** @param ended aborts when the sandbox ends. */
  constructor(ended: AbortSignal) {
    this.#ended = ended;
    ended.addEventListener('abort', () => this.#wake(), { once: true });
  }

  print(line: LogLine): void {
    this.#lines.push(line);
    this.#wake();
  }

  /** See `Driver.logs`. */
  async *read({ follow, tail, since = 0 }: Omit<LogsRequest, 'sandboxId'>, signal: AbortSignal): AsyncGenerator<LogLine> {
    const onAbort = () => this.#wake();
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      let next = this.#lines.length; // what is printed while the first lines are read is not missed
      const known = this.#lines.filter(({ at }) => at >= since);
      yield* tail === undefined ? known : known.slice(Math.max(0, known.length - tail));
      while (follow && !signal.aborted) {
        const line = this.#lines[next];
        if (line === undefined && this.#ended.aborted) return;
        if (line === undefined) await new Promise<void>((resolve) => this.#wakers.add(resolve));
        else {
          next += 1;
          yield line;
        }
      }
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  #wake(): void {
    for (const wake of this.#wakers) wake();
    this.#wakers.clear();
  }
}
