import { assert } from '../lib/assert.ts';
import { compact } from '../lib/compact.ts';
import { KeyedMutex } from '../lib/keyed-mutex.ts';
import type { ExecutorId, Namespace, SandboxId } from '../model/ids.ts';
import { type Sandbox, type SandboxSource, sandboxDueAt } from '../model/sandbox.ts';
import type { SandboxEvent } from '../model/sandbox-event.ts';
import type { Snapshot } from '../model/snapshot.ts';
import { sandboxKey, snapshotKey } from '../store/keys.ts';
import { sandboxRecord, snapshotRecord } from '../store/records.ts';
import { type Changed, changeSandbox } from './change.ts';
import type { ControlContext } from './context.ts';
import { newOperation } from './operations.ts';
import { stepRunning } from './sandbox-timeout.ts';
import { isLost, schedule } from './scheduler.ts';

/** When a sandbox that nothing fits is tried again even if nothing seems to have changed. */
const POSTPONE_MS = 30_000;

/** Brings sandboxes a step further: places and starts pending ones, sees timeouts through, has ended ones removed, and acts on what is due. */
export class SandboxController {
  readonly #ctx: ControlContext;
  readonly #usage: KeyedMutex<Namespace>;
  /** Placing is one at a time: two decisions must not both take the last room. */
  readonly #placing = new KeyedMutex<'placing'>();
  /** Sandboxes that can be looked at again before their time, should something change. */
  readonly #postponed = new Set<string>();

  constructor(ctx: ControlContext, usage: KeyedMutex<Namespace>) {
    this.#ctx = ctx;
    this.#usage = usage;
  }

  /** Keys (`namespace/id`) of the sandboxes that wait for something to change: room, an executor or their snapshot. */
  postponed(): Iterable<string> {
    return [...this.#postponed];
  }

  /** One step for one sandbox. @returns when to look again: for one whose time has not come yet, or has come again already. */
  async reconcile(ns: Namespace, id: SandboxId): Promise<number | undefined> {
    const wasPostponed = this.#postponed.delete(`${ns}/${id}`);
    const entry = await this.#ctx.store.get(sandboxKey(ns, id));
    if (entry === undefined) return undefined;
    const sandbox = sandboxRecord.decode(entry.value);
    const dueAt = sandboxDueAt(sandbox);
    if (dueAt === undefined) return undefined;
    if (dueAt > this.#ctx.clock.now() && !(wasPostponed && waitsForOthers(sandbox))) return dueAt;
    if (sandbox.status === 'running') return await this.#run(sandbox);
    if (sandbox.status === 'pending') await this.#start(sandbox);
    else if (sandbox.status === 'stopping') await this.#stop(sandbox);
    else await this.#due(sandbox);
    return undefined;
  }

  async #run(sandbox: Sandbox): Promise<number | undefined> {
    // Before its snapshot is begun or looked at: whatever becomes of that from here on finds the sandbox in the set.
    if (sandbox.spec.onTimeout === 'snapshot') this.#postponed.add(`${sandbox.namespace}/${sandbox.id}`);
    const changed = await stepRunning(this.#ctx, this.#usage, sandbox);
    if (changed?.object === undefined || changed.ignored !== undefined) return undefined;
    // The step can leave the entry in the due index as it was, and nobody is told of that one again.
    const dueAt = sandboxDueAt(changed.object);
    return dueAt !== undefined && dueAt <= this.#ctx.clock.now() ? dueAt : undefined;
  }

  async #start(sandbox: Sandbox): Promise<void> {
    if (sandbox.startDeadlineAt <= this.#ctx.clock.now()) return await this.#due(sandbox);
    const source = await this.#source(sandbox);
    if (source.kind === 'ready') await this.#placing.run('placing', () => this.#place(sandbox, source));
    else if (source.kind === 'waiting') await this.#postpone(sandbox, source.why);
    else {
      const at = this.#ctx.clock.now();
      await this.#apply(sandbox, { type: 'stop_requested', outcome: 'start_failed', message: source.why, at });
    }
  }

  async #place(sandbox: Sandbox, source: ReadySource): Promise<void> {
    const placement = await schedule(this.#ctx.store, {
      spec: sandbox.spec,
      holdsImage: source.availableOn,
      onlyWhereImageIs: source.onlyThere,
      ...compact({ preferred: sandbox.executorId }),
    });
    if (placement.executorId === undefined) return await this.#postpone(sandbox, placement.why);
    const operation = newOperation(this.#ctx, 'start_sandbox', placement.executorId, sandbox.attempt + 1);
    await this.#apply(sandbox, { type: 'attempt_started', operation, ...compact({ source: source.source }) });
  }

  async #source({ namespace, source }: Sandbox): Promise<ReadySource | UnreadySource> {
    if (source === undefined) return { kind: 'ready', source: undefined, availableOn: [], onlyThere: false };
    const entry = await this.#ctx.store.get(snapshotKey(namespace, source.snapshotId));
    const snapshot = entry && snapshotRecord.decode(entry.value);
    return snapshot === undefined ? { kind: 'lost', why: `snapshot ${source.snapshotId} was deleted` } : sourceOf(snapshot);
  }

  async #postpone(sandbox: Sandbox, reason: string): Promise<void> {
    // Before the commit: whatever changes from here on finds it in the set.
    this.#postponed.add(`${sandbox.namespace}/${sandbox.id}`);
    await this.#apply(sandbox, { type: 'postponed', reason, retryAt: this.#ctx.clock.now() + POSTPONE_MS });
  }

  async #stop(sandbox: Sandbox): Promise<void> {
    const { executorId } = sandbox;
    assert(executorId !== undefined, 'a sandbox that is stopping has been on an executor');
    if (await isLost(this.#ctx.store, executorId)) {
      await this.#apply(sandbox, { type: 'executor_lost', executorId, at: this.#ctx.clock.now() });
    } else if (sandbox.operation !== undefined) await this.#due(sandbox);
    else {
      const operation = newOperation(this.#ctx, 'stop_sandbox', executorId, sandbox.attempt + 1);
      await this.#apply(sandbox, { type: 'attempt_started', operation });
    }
  }

  async #due(sandbox: Sandbox): Promise<void> {
    const { clock, settings, random } = this.#ctx;
    await this.#apply(sandbox, { type: 'due', at: clock.now(), retry: settings.retry, random: random() });
  }

  #apply({ namespace, id }: Sandbox, event: SandboxEvent): Promise<Changed<Sandbox>> {
    return changeSandbox(this.#ctx.store, namespace, id, event);
  }
}

/** True for a sandbox that something other than time can bring further. */
function waitsForOthers({ status, timeoutSnapshotId }: Sandbox): boolean {
  return status === 'pending' || (status === 'running' && timeoutSnapshotId !== undefined);
}

interface UnreadySource {
  readonly kind: 'waiting' | 'lost';
  readonly why: string;
}

interface ReadySource {
  readonly kind: 'ready';
  readonly source: Required<SandboxSource> | undefined;
  readonly availableOn: readonly ExecutorId[];
  readonly onlyThere: boolean;
}

function sourceOf(snapshot: Snapshot): ReadySource | UnreadySource {
  const { id, status, imageRef, digest, availableOn, inRegistry } = snapshot;
  if (status === 'active' && digest !== undefined) {
    return { kind: 'ready', source: { snapshotId: id, imageRef, digest }, availableOn, onlyThere: !inRegistry };
  }
  if (status === 'failed' || status === 'deleting') {
    return { kind: 'lost', why: `snapshot ${id} is ${status}${snapshot.error ? `: ${snapshot.error.message}` : ''}` };
  }
  return { kind: 'waiting', why: `snapshot ${id} is ${status}` };
}
