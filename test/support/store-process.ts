import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';

const WRITER = fileURLToPath(new URL('./store-writer.ts', import.meta.url));

/** `store-writer.ts` at work on a store, until it is killed or the running test ends. */
export class StoreProcess {
  /** The last acknowledged round of each writer. */
  readonly acknowledged = new Map<number, number>();
  /** Reasons of commits that failed. */
  readonly failures: string[] = [];
  acknowledgements = 0;
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;
  readonly #stderr: string[] = [];
  #wake: (() => void) | undefined;
  #isOver = false;

  /** @param fileSizeLimit in KiB: what the system does when a disk is full, but for this process alone. */
  constructor(options: { path: string; writers: number; valueBytes?: number; fileSizeLimitKb?: number }) {
    const { path, writers, valueBytes = 100, fileSizeLimitKb } = options;
    const limit = fileSizeLimitKb === undefined ? '' : `ulimit -f ${fileSizeLimitKb}; `;
    const args = [process.execPath, WRITER, path, `${writers}`, `${valueBytes}`];
    this.#child = spawn('bash', ['-c', `${limit}exec "$@"`, 'store-writer', ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child.stderr?.on('data', (chunk) => this.#stderr.push(String(chunk)));
    const lines = createInterface({ input: this.#child.stdout as NodeJS.ReadableStream });
    lines.on('line', (line) => this.#take(line));
    this.#ended = Promise.all([once(this.#child, 'exit'), once(lines, 'close')]).then(() => {
      this.#isOver = true;
      this.#wake?.();
    });
    onTestFinished(() => this.kill());
  }

  /** Waits until `count` commits have been acknowledged. @throws when the process ends before. */
  async untilAcknowledged(count: number): Promise<void> {
    while (this.acknowledgements < count) {
      if (this.#isOver) throw new Error(`the writer ended after ${this.acknowledgements} commits: ${this.#stderr.join('')}`);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** Waits for its end. */
  async untilEnded(): Promise<void> {
    await this.#ended;
  }

  /** Ends it without a chance to finish anything, and takes in what it had still printed. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#ended;
  }

  #take(line: string): void {
    const [word, writer, n, reason] = line.split(' ');
    if (word === 'ack') {
      this.acknowledged.set(Number(writer), Number(n));
      this.acknowledgements++;
    } else if (word === 'failed') this.failures.push(reason as string);
    this.#wake?.();
  }
}
