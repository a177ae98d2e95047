import type { Clock } from '../../lib/clock.ts';
import { SandglassError } from '../../model/errors.ts';
import type { Namespace, SandboxId, SnapshotId } from '../../model/ids.ts';
import type { Sandbox } from '../../model/sandbox.ts';
import type { Snapshot } from '../../model/snapshot.ts';
import { presentSandbox } from './present-sandbox.ts';
import { presentSnapshot } from './present-snapshot.ts';
import type { RestContext } from './rest-context.ts';
import { DEFAULT_WAIT_SECS } from './schemas/common.ts';

/** How a wait ended. `gone`: the object ceased to exist; `timeout`: it is as it is. `object` is the latest that was seen. */
interface Waited<T> {
  readonly ended: 'met' | 'gone' | 'timeout';
  readonly object: T;
}

interface WaitOptions<T> {
  readonly initial: T;
  /** The object now and every time that it changes, until it is gone or the signal aborts. */
  readonly watch: (signal: AbortSignal) => AsyncIterable<T>;
  /** True when it is what is waited for. Throws when it can't become that any more. */
  readonly isMet: (object: T) => boolean;
  readonly timeoutSecs: number | undefined;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/**
 * Waits until an object is what is wanted, is gone, or the time is up.
 * @throws what `isMet` throws, and the signal's reason when it aborts.
 */
async function waitUntil<T>({ initial, watch, isMet, timeoutSecs, clock, signal }: WaitOptions<T>): Promise<Waited<T>> {
  if (isMet(initial)) return { ended: 'met', object: initial };
  const timeout = new AbortController();
  const cancelTimer = clock.schedule((timeoutSecs ?? DEFAULT_WAIT_SECS) * 1000, () => timeout.abort());
  let object = initial;
  try {
    for await (const latest of untilGone(watch(AbortSignal.any([timeout.signal, signal])))) {
      object = latest;
      if (isMet(latest)) return { ended: 'met', object };
    }
  } finally {
    cancelTimer();
  }
  signal.throwIfAborted();
  return { ended: timeout.signal.aborted ? 'timeout' : 'gone', object };
}

/** What `?wait=…&timeout_secs=…` asks for. */
export interface WaitQuery {
  readonly wait?: string;
  readonly timeout_secs?: number;
}

type WaitContext = Pick<RestContext, 'control' | 'clock'>;

/**
 * The sandbox once it is what the query waits for, with 200; or as it is when the time is up, with 202.
 * @throws SandglassError when it can't become that any more, with the reason of its failure; `sandbox_not_found`.
 */
export async function awaitSandbox(
  { control, clock }: WaitContext,
  ns: Namespace,
  id: SandboxId,
  { wait = '', timeout_secs }: WaitQuery,
  signal: AbortSignal,
): Promise<{ status: 200 | 202; sandbox: Sandbox }> {
  const { ended, object } = await waitUntil({
    initial: await control.getSandbox(ns, id),
    watch: (until) => control.watchSandbox(ns, id, until),
    isMet: isSandbox(wait),
    timeoutSecs: timeout_secs,
    clock,
    signal,
  });
  if (ended === 'gone' && wait !== 'terminated') throw new SandglassError('sandbox_not_found', `sandbox ${id} is gone`);
  return { status: ended === 'timeout' ? 202 : 200, sandbox: object };
}

/** Likewise for a snapshot. Once it is gone, the answer is how it was last seen. */
export async function awaitSnapshot(
  { control, clock }: WaitContext,
  ns: Namespace,
  id: SnapshotId,
  { wait = '', timeout_secs }: WaitQuery,
  signal: AbortSignal,
): Promise<{ status: 200 | 202; snapshot: Snapshot }> {
  const { ended, object } = await waitUntil({
    initial: await control.getSnapshot(ns, id),
    watch: (until) => snapshotsOf(control.watchSnapshot(ns, id, until)),
    isMet: isSnapshot(wait),
    timeoutSecs: timeout_secs,
    clock,
    signal,
  });
  if (ended === 'gone' && wait !== 'gone') throw new SandglassError('snapshot_not_found', `snapshot ${id} was deleted meanwhile`);
  return { status: ended === 'timeout' ? 202 : 200, snapshot: object };
}

async function* snapshotsOf(changes: AsyncIterable<{ readonly snapshot: Snapshot }>): AsyncGenerator<Snapshot> {
  for await (const { snapshot } of changes) yield snapshot;
}

/** Ends where the source says that there is no such object: it ceased to exist before the watch had begun. */
async function* untilGone<T>(source: AsyncIterable<T>): AsyncGenerator<T> {
  try {
    yield* source;
  } catch (error) {
    const { reason } = SandglassError.from(error);
    if (reason !== 'sandbox_not_found' && reason !== 'snapshot_not_found') throw error;
  }
}

function isSandbox(wanted: string): (sandbox: Sandbox) => boolean {
  return (sandbox) => {
    const { status, operation, nextAttemptAt, failure } = sandbox;
    if (status === wanted) return true;
    if (wanted === 'terminated') return false;
    if (status === 'stopping' || status === 'terminated') throw sandboxEnded(sandbox);
    // A pause or resume that failed leaves the sandbox as it was, with the reason; one that is tried again has a time for that.
    const gaveUp = (status === 'running' || status === 'paused') && operation === undefined && nextAttemptAt === undefined;
    if (gaveUp && failure !== undefined) {
      throw new SandglassError(failure.reason, `sandbox ${sandbox.id} is still ${status}: ${failure.message}`, sandboxDetails(sandbox));
    }
    return false;
  };
}

function isSnapshot(wanted: string): (snapshot: Snapshot) => boolean {
  return (snapshot) => {
    if (snapshot.status === wanted) return true;
    if (wanted === 'gone') return false;
    const details = { details: { snapshot_id: snapshot.id, snapshot: presentSnapshot(snapshot) } };
    if (snapshot.status === 'failed') {
      const { reason, message } = snapshot.error ?? { reason: 'snapshot_failed' as const, message: 'no reason is recorded' };
      throw new SandglassError(reason, `snapshot ${snapshot.id} failed: ${message}`, details);
    }
    if (snapshot.status === 'deleting') {
      throw new SandglassError('snapshot_failed', `snapshot ${snapshot.id} is being deleted, and will not become ${wanted}`, details);
    }
    return false;
  };
}

function sandboxEnded(sandbox: Sandbox): SandglassError {
  const { id, outcome, message, failure } = sandbox;
  return outcome === 'start_failed'
    ? new SandglassError(failure?.reason ?? 'sandbox_failed', `sandbox ${id} could not be started: ${message}`, sandboxDetails(sandbox))
    : new SandglassError('sandbox_failed', `sandbox ${id} has ended (${outcome}): ${message}`, sandboxDetails(sandbox));
}

function sandboxDetails(sandbox: Sandbox) {
  return { details: { sandbox_id: sandbox.id, sandbox: presentSandbox(sandbox) } };
}
