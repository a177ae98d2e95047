import type pc from 'picocolors';
import type { Cli } from '../cli.ts';
import { withProgress } from '../progress.ts';

/** Prints one line for each step: what was done, how long it took, and what came of it. */
export class DemoSteps {
  readonly #cli: Cli;
  readonly #colors: ReturnType<typeof pc.createColors>;
  #count = 0;

  constructor(cli: Cli, colors: ReturnType<typeof pc.createColors>) {
    this.#cli = cli;
    this.#colors = colors;
  }

  /** Runs a step. `show` tells how far it is. What it returns is printed, and returned. */
  async run<T>(title: string, step: (show: (state: string) => void) => Promise<T>): Promise<T> {
    this.#count += 1;
    const started = this.#cli.now();
    const states: string[] = [];
    const result = await withProgress(this.#cli, title, (show) =>
      step((state) => {
        if (states.at(-1) !== state) states.push(state);
        show({ text: `${title}: ${state}` });
      }),
    );
    const seconds = ((this.#cli.now() - started) / 1000).toFixed(2);
    const { green, dim, bold } = this.#colors;
    const passed = states.slice(0, -1).map((state) => `${state} → `);
    this.#cli.print(`${green('✓')} ${bold(title.padEnd(34))} ${dim(`${seconds.padStart(6)} s`)}  ${passed.join('')}${String(result)}`);
    return result;
  }
}
