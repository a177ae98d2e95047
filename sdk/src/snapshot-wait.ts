import type { CallOptions } from './call-options.ts';
import { type ErrorCode, SandglassError } from './errors.ts';
import { sleep } from './retry.ts';
import type { Snapshot, SnapshotEvent } from './types.ts';

const POLL_MS = 1_000;

interface SnapshotSource {
  get(snapshotId: string, options: CallOptions): Promise<Snapshot>;
  events(snapshotId: string, options: CallOptions): AsyncIterable<SnapshotEvent>;
}

/** Follows a snapshot until it is active. */
export async function awaitActive(
  source: SnapshotSource,
  snapshotId: string,
  onProgress: ((snapshot: Snapshot) => void) | undefined,
  signal: AbortSignal,
): Promise<Snapshot> {
  for await (const snapshot of observe(source, snapshotId, signal)) {
    onProgress?.(snapshot);
    if (snapshot.status === 'active') return snapshot;
    if (snapshot.status === 'failed') throw failureOf(snapshot);
    if (snapshot.status === 'deleting') break;
  }
  throw gone(snapshotId);
}

/** Follows a snapshot that is being deleted until it is gone. */
export async function awaitGone(source: SnapshotSource, snapshotId: string, signal: AbortSignal): Promise<void> {
  try {
    for await (const { status } of observe(source, snapshotId, signal)) {
      if (status === 'deleting') continue;
      throw new SandglassError('failed_precondition', 'snapshot_not_deleted', `snapshot ${snapshotId} is ${status}: nobody deletes it`);
    }
  } catch (thrown) {
    if (!isNotFound(thrown)) throw thrown;
  }
}

/**
 * The snapshot now and at every change, by its events; by asking every second where no events come through.
 * @throws SandglassError `snapshot_not_found` once it is gone.
 */
async function* observe(source: SnapshotSource, snapshotId: string, signal: AbortSignal): AsyncGenerator<Snapshot, void> {
  try {
    for await (const event of source.events(snapshotId, { signal })) {
      if (event.type === 'gone') throw gone(snapshotId);
      yield event.snapshot;
    }
    return;
  } catch (thrown) {
    if (!isStreamUnavailable(thrown)) throw thrown;
  }
  for (;;) {
    yield await source.get(snapshotId, { signal });
    await sleep(POLL_MS, signal);
  }
}

function gone(snapshotId: string): SandglassError {
  return new SandglassError('not_found', 'snapshot_not_found', `snapshot ${snapshotId} was deleted`);
}

function failureOf(snapshot: Snapshot): SandglassError {
  const { code = 'failed_precondition', reason = 'snapshot_failed', message = snapshot.status_reason } = snapshot.error ?? {};
  const text = `snapshot ${snapshot.snapshot_id} failed${message === undefined ? '' : `: ${message}`}`;
  return new SandglassError(code as ErrorCode, reason, text, { details: { snapshot } });
}

function isNotFound(thrown: unknown): boolean {
  return thrown instanceof SandglassError && thrown.reason === 'snapshot_not_found';
}

/** Whether events cannot be had here: something on the way refuses or buffers them. */
function isStreamUnavailable(thrown: unknown): boolean {
  if (!(thrown instanceof SandglassError)) return false;
  return thrown.reason === 'stream_unavailable' || thrown.reason === 'route_not_found' || [405, 406, 501].includes(thrown.status ?? 0);
}
