import type { ReadStream, WriteStream } from 'node:tty';
import type { SignalTaker } from './signals.ts';

/** A stream of the process: a terminal, a pipe or a file. */
export type OutputStream = NodeJS.WritableStream & Pick<Partial<WriteStream>, 'isTTY' | 'columns' | 'rows'>;
export type InputStream = NodeJS.ReadableStream &
  Pick<Partial<ReadStream>, 'isTTY' | 'setRawMode'> & { readonly fd?: number; destroy?(): unknown };

/** The process that a command runs in. */
export interface CliOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdin: InputStream;
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** Whether terminals get colours. */
  readonly color: boolean;
  /** Aborts when the user interrupts. */
  readonly signal: AbortSignal;
  /** Lets signals that ask this process to end come to `taker` alone, until what is returned is called. */
  readonly takeSignals: (taker: SignalTaker) => () => void;
}

/** What commands read from and write to. Results go to stdout; everything that is only for people's eyes goes to stderr. */
export class Cli implements CliOptions {
  readonly env: CliOptions['env'];
  readonly stdin: InputStream;
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  readonly now: () => number;
  readonly color: boolean;
  readonly signal: AbortSignal;
  readonly takeSignals: CliOptions['takeSignals'];
  /** What the process ends with when the command returns. */
  exitCode = 0;

  constructor(options: CliOptions) {
    this.env = options.env;
    this.stdin = options.stdin;
    this.stdout = options.stdout;
    this.stderr = options.stderr;
    this.now = options.now;
    this.color = options.color;
    this.signal = options.signal;
    this.takeSignals = options.takeSignals;
  }

  /** One line, or more, of the result. */
  print(text: string): void {
    this.stdout.write(`${text}\n`);
  }

  /** The result as one JSON document. */
  printJson(value: unknown): void {
    this.print(JSON.stringify(value, null, 2));
  }

  /** A remark beside the result. */
  note(text: string): void {
    this.stderr.write(`${text}\n`);
  }
}
