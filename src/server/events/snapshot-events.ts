import type { Control } from '../../control/control.ts';
import { SandglassError } from '../../model/errors.ts';
import type { Namespace, SnapshotId } from '../../model/ids.ts';
import type { Snapshot } from '../../model/snapshot.ts';
import { errorBody } from '../rest/error-handler.ts';
import { presentSnapshot } from '../rest/present-snapshot.ts';
import type { ServerEvent } from './event-stream.ts';

/**
 * A snapshot's life as events: `snapshot` with the whole snapshot now and at every change, each with its revision as id.
 * Ends with the event that shows it active or failed, with `gone` when it was deleted, or with `error`. Never throws.
 */
export async function* snapshotEvents(
  control: Pick<Control, 'watchSnapshot'>,
  ns: Namespace,
  id: SnapshotId,
  signal: AbortSignal,
): AsyncGenerator<ServerEvent, void, undefined> {
  let last: Snapshot | undefined;
  try {
    for await (const { snapshot, revision } of control.watchSnapshot(ns, id, signal)) {
      last = snapshot;
      yield { event: 'snapshot', id: String(revision), data: presentSnapshot(snapshot) };
      if (snapshot.status === 'active' || snapshot.status === 'failed') return;
    }
    signal.throwIfAborted();
    yield { event: 'gone', data: { snapshot_id: id, ...(last === undefined ? {} : { last_status: last.status }) } };
  } catch (error) {
    yield { event: 'error', data: errorBody(SandglassError.from(error)) };
  }
}
