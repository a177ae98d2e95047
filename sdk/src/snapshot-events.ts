import { errorOfEvent } from './error-answer.ts';
import { SandglassError } from './errors.ts';
import { readEvents } from './event-stream.ts';
import { sleep } from './retry.ts';
import type { SseEvent } from './sse-parser.ts';
import type { Transport } from './transport.ts';
import type { Snapshot, SnapshotEvent } from './types.ts';

/** Connections in a row that bring nothing, before the stream counts as unavailable: half a minute, in which a server restarts. */
const MAX_FAILURES = 10;
const MAX_DELAY_MS = 5_000;

/**
 * The events of one snapshot, connecting again wherever the stream breaks off. What is seen twice, because the server
 * begins every connection with the present state, is yielded once.
 */
export async function* followSnapshot(transport: Transport, path: string, signal?: AbortSignal): AsyncGenerator<SnapshotEvent, void> {
  let revision: string | undefined;
  let failures = 0;
  for (;;) {
    try {
      const body = await transport.stream({ method: 'GET', path, lastEventId: revision, repeatable: 'safe', signal });
      for await (const raw of readEvents(body, signal)) {
        failures = 0;
        const event = parseSnapshotEvent(raw);
        if (event === undefined || (event.type === 'snapshot' && event.revision === revision)) continue;
        yield event;
        if (isLast(event)) return;
        if (event.type === 'snapshot') revision = event.revision;
      }
    } catch (thrown) {
      const seen = revision !== undefined;
      if (seen && isGone(thrown)) {
        yield { type: 'gone' };
        return;
      }
      if (!isBroken(thrown, seen)) throw thrown;
    }
    failures += 1;
    if (failures > MAX_FAILURES) throw new SandglassError('unavailable', 'stream_unavailable', 'the stream of events keeps breaking off');
    await sleep(Math.min(MAX_DELAY_MS, 100 * 2 ** failures), signal);
  }
}

/** Events of kinds that this client does not know are skipped. @throws SandglassError what an `error` event carries. */
function parseSnapshotEvent({ type, data, id }: SseEvent): SnapshotEvent | undefined {
  if (type === 'gone') return { type: 'gone' };
  if (type === 'error') throw errorOfEvent(data);
  return type === 'snapshot' ? { type: 'snapshot', revision: id, snapshot: JSON.parse(data) as Snapshot } : undefined;
}

function isLast(event: SnapshotEvent): boolean {
  return event.type === 'gone' || event.snapshot.status === 'active' || event.snapshot.status === 'failed';
}

function isGone(thrown: unknown): boolean {
  return thrown instanceof SandglassError && thrown.reason === 'snapshot_not_found';
}

/** Whether connecting again may help. A server that cannot be reached at all from the start is reported at once. */
function isBroken(thrown: unknown, seen: boolean): boolean {
  if (!(thrown instanceof SandglassError)) return false;
  return thrown.reason === 'stream_ended' || (seen && thrown.code === 'unavailable' && thrown.reason !== 'stream_unavailable');
}
