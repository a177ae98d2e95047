import type { Clock } from '../lib/clock.ts';
import type { OperationId } from '../model/ids.ts';
import type { OperationResult } from '../model/instruction.ts';
import type { AttemptRef } from '../model/operation.ts';

/** Sends a result to the server, if it is connected. */
export type SendResult = (ref: AttemptRef, result: OperationResult) => void;

interface Entry {
  readonly ref: AttemptRef;
  readonly result: OperationResult;
  acknowledged: boolean;
  sentAt: number;
}

/** Acknowledged results that are remembered, so that an operation that comes once more is not done once more. */
const MAX_ACKNOWLEDGED = 1000;
/** How long to wait for an acknowledgement before a result is repeated on the same session. */
const REPEAT_MS = 10_000;

/**
 * The results of finished operations. Each is sent at once, on every new session, and again while the session lasts, until
 * the server acknowledges it. Unacknowledged ones are as many as the operations that the server has issued and not
 * yet seen finished.
 */
export class ResultLog {
  readonly #clock: Clock;
  /** In order of finishing. */
  readonly #entries = new Map<OperationId, Entry>();
  #acknowledged = 0;
  #send: SendResult | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Latest attempt of the operation that has finished; 0 when none has. */
  finishedAttempt(operationId: OperationId): number {
    return this.#entries.get(operationId)?.ref.attempt ?? 0;
  }

  /** A session is up: sends all that is not acknowledged. */
  attach(send: SendResult): void {
    this.#send = send;
    for (const entry of this.#entries.values()) {
      if (!entry.acknowledged) this.#transmit(entry);
    }
  }

  /** The session is down. */
  detach(): void {
    this.#send = undefined;
  }

  add(ref: AttemptRef, result: OperationResult): void {
    this.#remove(ref.operationId);
    const entry = { ref, result, acknowledged: false, sentAt: 0 };
    this.#entries.set(ref.operationId, entry);
    this.#transmit(entry);
  }

  /** The server has sent the operation once more: what it had acknowledged is sent once more. The others are under way. */
  repeat(operationId: OperationId): void {
    const entry = this.#entries.get(operationId);
    if (entry?.acknowledged) this.#transmit(entry);
  }

  /** Sends once more what was not acknowledged for long. To be called from time to time while a session is up. */
  repeatOverdue(): void {
    const before = this.#clock.now() - REPEAT_MS;
    for (const entry of this.#entries.values()) {
      if (!entry.acknowledged && entry.sentAt <= before) this.#transmit(entry);
    }
  }

  acknowledge(ref: AttemptRef): void {
    const entry = this.#entries.get(ref.operationId);
    if (entry === undefined || entry.acknowledged || entry.ref.attempt !== ref.attempt) return;
    entry.acknowledged = true;
    this.#acknowledged += 1;
    this.#forgetOldest();
  }

  #transmit(entry: Entry): void {
    entry.sentAt = this.#clock.now();
    this.#send?.(entry.ref, entry.result);
  }

  #forgetOldest(): void {
    if (this.#acknowledged <= MAX_ACKNOWLEDGED) return;
    for (const [operationId, entry] of this.#entries) {
      if (entry.acknowledged) {
        this.#remove(operationId);
        return;
      }
    }
  }

  #remove(operationId: OperationId): void {
    if (this.#entries.get(operationId)?.acknowledged) this.#acknowledged -= 1;
    this.#entries.delete(operationId);
  }
}
