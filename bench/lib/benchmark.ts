import type { Measurement } from './measurement.ts';

/** What a benchmark works with. */
export interface BenchContext {
  /** True: few rounds and no size that takes minutes, to see that everything works. */
  readonly quick: boolean;
  /** Aborts on Ctrl-C: the benchmark then clears away what it has made. */
  readonly signal: AbortSignal;
  /** Tells people what is being done. */
  note(line: string): void;
}

/** One file of `bench/`. It yields each measurement as soon as it has it, and leaves nothing behind however it ends. */
export interface Benchmark {
  /** By which it is selected on the command line. */
  readonly name: string;
  readonly title: string;
  run(context: BenchContext): AsyncIterable<Measurement>;
}
