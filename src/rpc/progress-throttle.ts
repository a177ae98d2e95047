import type { Clock } from '../lib/clock.ts';
import type { OperationId } from '../model/ids.ts';
import type { AttemptRef, Progress } from '../model/operation.ts';
import { PROGRESS_INTERVAL_MS } from './limits.ts';

/** Operations whose progress is followed at one time; reports of others are dropped. */
const MAX_OPERATIONS = 1000;

interface Report {
  readonly ref: AttemptRef;
  readonly progress: Progress;
}

/** Thins reports of progress: of each operation one at once, then at most one in every 250 ms, the latest. */
export class ProgressThrottle {
  readonly #clock: Clock;
  readonly #deliver: (ref: AttemptRef, progress: Progress) => void;
  /** Operations that were reported on within the last interval, each with what has come since. */
  readonly #recent = new Map<OperationId, { held: Report | undefined; cancel: () => void }>();

  constructor(clock: Clock, deliver: (ref: AttemptRef, progress: Progress) => void) {
    this.#clock = clock;
    this.#deliver = deliver;
  }

  report(ref: AttemptRef, progress: Progress): void {
    const recent = this.#recent.get(ref.operationId);
    if (recent !== undefined) recent.held = { ref, progress };
    else if (this.#recent.size < MAX_OPERATIONS) this.#deliverNow({ ref, progress });
  }

  /** The operation has ended: what is held back of it is dropped. */
  forget(operationId: OperationId): void {
    this.#recent.get(operationId)?.cancel();
    this.#recent.delete(operationId);
  }

  stop(): void {
    for (const operationId of [...this.#recent.keys()]) this.forget(operationId);
  }

  #deliverNow({ ref, progress }: Report): void {
    const { operationId } = ref;
    const cancel = this.#clock.schedule(PROGRESS_INTERVAL_MS, () => {
      const held = this.#recent.get(operationId)?.held;
      this.#recent.delete(operationId);
      if (held !== undefined) this.#deliverNow(held);
    });
    this.#recent.set(operationId, { held: undefined, cancel });
    this.#deliver(ref, progress);
  }
}
