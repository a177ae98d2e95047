import type { Cli } from '../cli.ts';
import { printable } from '../format/printable.ts';

/** As many are told one by one. */
const MAX_TOLD = 10;

/** Tells what a copy has left out. */
export class Skipped {
  readonly #cli: Cli;
  readonly #told: string[] = [];
  #count = 0;

  constructor(cli: Cli) {
    this.#cli = cli;
  }

  readonly add = (name: string, why: string): void => {
    this.#count += 1;
    if (this.#told.length < MAX_TOLD) this.#told.push(`left out ${printable(name)}: ${why}`);
  };

  tell(): void {
    for (const line of this.#told) this.#cli.note(line);
    if (this.#count > MAX_TOLD) this.#cli.note(`left out ${this.#count - MAX_TOLD} more`);
  }
}
