import type { Driver } from '../driver/driver.ts';
import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../lib/logger.ts';
import { failureOf, SandglassError } from '../model/errors.ts';
import type { OperationId, SandboxId, SnapshotId } from '../model/ids.ts';
import type { OperationResult } from '../model/instruction.ts';
import type { Discards } from '../model/inventory.ts';
import type { AttemptRef, Progress } from '../model/operation.ts';
import type { Assignment } from '../rpc/instruction.ts';
import { Deadline } from './deadline.ts';
import { Lanes } from './lanes.ts';
import { OPERATION_TRAITS, operationSubjects, performOperation } from './operations.ts';
import type { ResultLog } from './result-log.ts';
import { Slots } from './slots.ts';

export interface OperationRunnerOptions {
  readonly driver: Driver;
  readonly clock: Clock;
  readonly log: Logger;
  readonly results: ResultLog;
  /** How many of each run at one time. */
  readonly concurrency: { readonly starts: number; readonly captures: number };
  onProgress(ref: AttemptRef, progress: Progress): void;
  /** Called just before the result is sent: no progress of it is to come after. */
  onSettled(ref: AttemptRef): void;
}

/** Operations that are carried out or wait, at most. */
const MAX_ACTIVE = 10_000;
/** Objects that no record wants, removed at one time. */
const MAX_DISCARDS = 4;

/**
 *   waiting ──its turn and a slot──▶ running ──▶ settled (its result is in the log, or nobody wants one)
 *      └──────cancelled, deadline──────────────────▲
 */
interface Active {
  readonly assignment: Assignment;
  readonly abort: AbortController;
  state: 'waiting' | 'running' | 'settled';
  /** False once the server has said that the result does not matter. */
  wanted: boolean;
}

/**
 * Carries out operations: those on one object one after another, in order of arrival; of starts and captures only a few
 * at a time. An operation that arrives again is not done again.
 */
export class OperationRunner {
  readonly #options: OperationRunnerOptions;
  readonly #lanes = new Lanes();
  readonly #slots: { readonly starts: Slots; readonly captures: Slots; readonly discards: Slots };
  readonly #active = new Map<OperationId, Active>();
  readonly #discarding = new Set<SandboxId | SnapshotId>();
  readonly #stop = new AbortController();
  #accepting = true;
  #onIdle: (() => void) | undefined;

  constructor(options: OperationRunnerOptions) {
    this.#options = options;
    const { starts, captures } = options.concurrency;
    this.#slots = { starts: new Slots(starts), captures: new Slots(captures), discards: new Slots(MAX_DISCARDS) };
  }

  /** Takes an operation. One that is at work is left at it; one that has finished has its result sent again. */
  accept(assignment: Assignment, clusterId: string): void {
    const { operationId, attempt } = assignment;
    const { results } = this.#options;
    const finished = results.finishedAttempt(operationId);
    if (finished === attempt) results.repeat(operationId);
    if (finished >= attempt || !this.#accepting) return;
    const earlier = this.#active.get(operationId);
    if (earlier !== undefined) {
      if (earlier.assignment.attempt >= attempt) return;
      this.#giveUp(earlier);
    }
    if (this.#active.size >= MAX_ACTIVE) {
      const error = new SandglassError('too_many_requests', `this executor has ${MAX_ACTIVE} operations to do already`);
      results.add(assignment, { outcome: 'failed', failure: failureOf(error) });
      return;
    }
    this.#giveWay(assignment);
    void this.#run(assignment, clusterId);
  }

  /** Nobody waits for the operation any more: it is given up where that leaves nothing behind, and its result is not sent. */
  cancel(operationId: OperationId): void {
    const active = this.#active.get(operationId);
    if (active !== undefined) this.#giveUp(active);
  }

  /** Removes objects that no record wants. All take their turns at once: what arrives for one of them later comes after its removal. */
  async discard({ sandboxIds, snapshotIds }: Discards): Promise<void> {
    const { driver } = this.#options;
    await Promise.all([
      ...sandboxIds.map((id) => this.#discard(id, () => driver.stopSandbox(id, this.#stop.signal))),
      ...snapshotIds.map((id) => this.#discard(id, () => driver.removeSnapshot(id, this.#stop.signal))),
    ]);
  }

  /** Runs `task` after what is at work on the sandbox. */
  async afterOperationsOn(sandboxId: SandboxId, task: () => void): Promise<void> {
    await this.#lanes.run([sandboxId], async () => task());
  }

  /** Takes no more operations, drops those that wait, and lets those that run finish until `deadlineMs` have passed. */
  async close(deadlineMs: number): Promise<void> {
    this.#accepting = false;
    for (const active of [...this.#active.values()]) {
      if (active.state === 'waiting') this.#giveUp(active);
    }
    if (this.#active.size > 0) {
      const { clock } = this.#options;
      const cancel = clock.schedule(deadlineMs, () => this.#abortAll());
      await new Promise<void>((resolve) => {
        this.#onIdle = resolve;
      });
      cancel();
    }
    this.#stop.abort(shuttingDown());
  }

  async #run(assignment: Assignment, clusterId: string): Promise<void> {
    const { driver, clock, log, onProgress } = this.#options;
    const active: Active = { assignment, abort: new AbortController(), state: 'waiting', wanted: true };
    const { signal } = active.abort;
    this.#active.set(assignment.operationId, active);
    const deadline = new Deadline(clock, assignment.timeoutMs, () => this.#expire(active));
    const perform = () => {
      active.state = 'running';
      return performOperation(driver, assignment, {
        clusterId,
        signal,
        onProgress: (progress) => {
          deadline.extend();
          if (active.state === 'running' && active.wanted) onProgress(assignment, progress);
        },
      });
    };
    try {
      const result = await this.#lanes.run(operationSubjects(assignment), async () => {
        signal.throwIfAborted();
        const { slots } = OPERATION_TRAITS[assignment.kind];
        return slots === undefined ? perform() : this.#slots[slots].run(perform, signal);
      });
      log.info({ ...describe(assignment), ...facts(assignment, result) }, OPERATION_TRAITS[assignment.kind].done);
      this.#settle(active, result);
    } catch (thrown) {
      const error = signal.aborted ? signal.reason : thrown;
      if (active.wanted) log.warn({ ...describe(assignment), err: error }, 'an operation failed');
      this.#settle(active, { outcome: 'failed', failure: failureOf(error) });
    } finally {
      deadline.cancel();
    }
  }

  #settle(active: Active, result: OperationResult): void {
    if (active.state === 'settled') return;
    active.state = 'settled';
    const { assignment, wanted } = active;
    if (this.#active.get(assignment.operationId) === active) this.#active.delete(assignment.operationId);
    this.#options.onSettled(assignment);
    if (wanted) this.#options.results.add(assignment, result);
    if (this.#active.size === 0) this.#onIdle?.();
  }

  /** Some arrivals make operations that are before them pointless: stopping a sandbox its start, removing a snapshot its capture. */
  #giveWay(arrival: Assignment): void {
    for (const active of [...this.#active.values()]) {
      const { assignment } = active;
      const startOfStopped =
        arrival.kind === 'stop_sandbox' && assignment.kind === 'start_sandbox' && assignment.sandboxId === arrival.sandboxId;
      const captureOfRemoved =
        arrival.kind === 'delete_snapshot' && assignment.kind === 'create_snapshot' && assignment.snapshotId === arrival.snapshotId;
      if (startOfStopped || captureOfRemoved) this.#giveUp(active);
    }
  }

  #giveUp(active: Active): void {
    active.wanted = false;
    this.#abort(active, new SandglassError('operation_cancelled', 'nobody waits for this operation any more'));
  }

  #expire(active: Active): void {
    const { kind, timeoutMs } = active.assignment;
    const error = new SandglassError('deadline_exceeded', `${kind} was not done within ${timeoutMs} ms`);
    if (active.state === 'running') active.abort.abort(error);
    else this.#abort(active, error);
  }

  /** One that waits is settled at once, and passes when its turn comes; one that runs is settled when the driver returns. */
  #abort(active: Active, error: SandglassError): void {
    if (active.state === 'running' && !OPERATION_TRAITS[active.assignment.kind].abortable) return;
    active.abort.abort(error);
    if (active.state === 'waiting') this.#settle(active, { outcome: 'failed', failure: failureOf(error) });
  }

  /** What still runs will be issued again to the next process: nothing is reported of it. */
  #abortAll(): void {
    for (const active of [...this.#active.values()]) {
      active.wanted = false;
      active.abort.abort(shuttingDown());
      this.#settle(active, { outcome: 'done' });
    }
  }

  async #discard(id: SandboxId | SnapshotId, remove: () => Promise<void>): Promise<void> {
    if (this.#discarding.has(id) || !this.#accepting) return;
    this.#discarding.add(id);
    try {
      await this.#lanes.run([id], () => this.#slots.discards.run(remove, this.#stop.signal));
      this.#options.log.info({ id }, 'removed what no record wants');
    } catch (error) {
      this.#options.log.warn({ id, err: error }, 'what no record wants could not be removed; tried again on the next connection');
    } finally {
      this.#discarding.delete(id);
    }
  }
}

function describe({ operationId, attempt, kind, sandboxId }: Assignment) {
  return { operationId, attempt, kind, sandboxId };
}

/** What the log says of an operation beside its ids: the image of a capture is what one looks for in the engine. */
function facts(assignment: Assignment, result: OperationResult): object {
  if (assignment.kind === 'delete_snapshot') return { snapshotId: assignment.snapshotId };
  if (assignment.kind !== 'create_snapshot' || result.outcome !== 'captured') return {};
  return { snapshotId: assignment.snapshotId, imageRef: assignment.imageRef, ...result.captured };
}

function shuttingDown(): SandglassError {
  return new SandglassError('shutting_down', 'the executor is shutting down');
}
