/** A log as far as the budget sees it. */
interface Spender {
  /** In bytes. */
  readonly cost: number;
  /** Drops what nobody needs until the rest costs at most so much. */
  trim(cost: number): void;
}

/** What all processes together may keep of their output: when it gets too much, the largest log gives some away. */
export class OutputBudget {
  readonly #limit: number;
  readonly #logs = new Set<Spender>();
  #cost = 0;

  /** @param limit in bytes. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Whether nothing more can be dropped, because readers are behind. */
  get isSpent(): boolean {
    return this.#cost > this.#limit;
  }

  add(log: Spender): void {
    this.#logs.add(log);
  }

  remove(log: Spender): void {
    this.#logs.delete(log);
  }

  pay(cost: number): void {
    this.#cost += cost;
  }

  /** Halves the largest logs until the limit is kept, or what is left is needed. */
  enforce(): void {
    if (this.#cost <= this.#limit) return;
    for (const log of [...this.#logs].sort((a, b) => b.cost - a.cost)) {
      if (this.#cost <= this.#limit) return;
      log.trim(log.cost / 2);
    }
  }
}
