import { describe, expect, it } from 'vitest';
import { ATTEMPT_MS, ELSEWHERE, FAILED_RETENTION_SECS, HERE, T0 } from '../../test/support/lifecycle-world.ts';
import { CAPTURED, FINAL, PASSING, snapshotEvents } from '../../test/support/snapshot-events.ts';
import { SNAPSHOT_EXAMPLES, story, uploading } from '../../test/support/snapshot-examples.ts';
import { cellOf, SNAPSHOT_TABLE } from '../../test/support/state-transition-table.ts';
import { countsTowardsQuota, isExpired, snapshotDueAt, snapshotExpiresAt } from './snapshot.ts';
import { type SnapshotEvent, transitionSnapshot } from './snapshot-lifecycle.ts';

const entriesOf = <K extends string, V>(record: Readonly<Record<K, V>>) => Object.entries(record) as [K, V][];

describe('the snapshot transition table', () => {
  for (const [status, row] of entriesOf(SNAPSHOT_TABLE)) {
    for (const [type, cells] of entriesOf(row)) {
      it(`${status} × ${type}: ${cells.join(', ')}`, () => {
        const seen = new Set<string>();
        for (const example of SNAPSHOT_EXAMPLES[status]) {
          const { snapshot, world } = example();
          expect(snapshot.status).toBe(status);
          for (const event of snapshotEvents(snapshot, world)[type]()) seen.add(cellOf(transitionSnapshot(snapshot, event)));
        }
        expect([...seen].sort()).toEqual([...cells].sort());
      });
    }
  }
});

describe('a snapshot', () => {
  it('becomes active with what was captured, and keeps nothing of the attempt', () => {
    const { snapshot } = story().attempt().progress().wait(500).capture();
    expect(snapshot).toMatchObject({
      status: 'active',
      digest: CAPTURED.digest,
      sizeBytes: CAPTURED.sizeBytes,
      layerCount: CAPTURED.layerCount,
      availableOn: [HERE],
      inRegistry: false,
      activatedAt: T0 + 500,
      timings: { freezeMs: 12, captureMs: 340, totalMs: 500 },
      attempt: 0,
    });
    for (const field of ['operation', 'progress', 'nextAttemptAt', 'error', 'statusReason']) expect(snapshot).not.toHaveProperty(field);
  });

  it('with a registry is active only once it is uploaded', () => {
    const begun = uploading();
    expect(begun.snapshot).toMatchObject({ status: 'uploading', availableOn: [HERE], inRegistry: false });
    expect(begun.wait(1_000).upload().snapshot).toMatchObject({
      status: 'active',
      inRegistry: true,
      timings: { uploadMs: 900, totalMs: 1_000 },
    });
  });

  it('is tried three times, with longer and longer waits, before it fails with the engine’s own message', () => {
    const first = story().attempt().fail();
    expect(first.snapshot).toMatchObject({ status: 'creating', error: { ...PASSING, attempts: 1 }, nextAttemptAt: T0 + 750 });
    expect(first.snapshot.statusReason).toBe(`attempt 1 of 3 failed: ${PASSING.message}`);
    const second = first.attempt().fail();
    expect(second.snapshot).toMatchObject({ status: 'creating', error: { attempts: 2 }, nextAttemptAt: T0 + 750 + 1_500 });
    const third = second.attempt().fail();
    expect(third.snapshot).toMatchObject({
      status: 'failed',
      statusReason: PASSING.message,
      error: { ...PASSING, attempts: 3 },
      failedAt: T0 + 2_250,
      expiresAt: T0 + 2_250 + FAILED_RETENTION_SECS * 1000,
    });
  });

  it('fails at once when trying again cannot help', () => {
    expect(story().attempt().fail(FINAL).snapshot).toMatchObject({ status: 'failed', error: { ...FINAL, attempts: 1 } });
  });

  it('that nobody reports on is tried again after its deadline, and fails after the last', () => {
    const silent = story().attempt().timeOut();
    expect(silent.snapshot).toMatchObject({ status: 'creating', error: { reason: 'deadline_exceeded', attempts: 1 } });
    expect(silent.attempt().timeOut().attempt().timeOut().snapshot).toMatchObject({ status: 'failed', error: { attempts: 3 } });
  });

  it('whose upload failed goes on uploading with its next attempt', () => {
    const failed = uploading().fail();
    expect(failed.snapshot).toMatchObject({ status: 'uploading', digest: CAPTURED.digest, availableOn: [HERE] });
    expect(failed.attempt().capture({ upload: true }).upload().snapshot.status).toBe('active');
  });

  it('forgets its failures once an attempt succeeds', () => {
    expect(story().attempt().fail().attempt().capture().snapshot).not.toHaveProperty('error');
  });

  it('fails when its executor is lost, also before the first attempt', () => {
    expect(story().lose().snapshot).toMatchObject({ status: 'failed', error: { reason: 'executor_lost', attempts: 0 } });
    expect(story().attempt().lose().snapshot).toMatchObject({ status: 'failed', error: { reason: 'executor_lost', attempts: 1 } });
  });

  it('extends the deadline of an attempt only for progress, and never brings it forward', () => {
    const working = story().attempt().wait(10_000).progress(10);
    expect(working.snapshot.operation?.deadlineAt).toBe(T0 + 10_000 + ATTEMPT_MS);
    const report = (bytesDone: number, deadlineAt: number): SnapshotEvent => ({
      type: 'progressed',
      ref: working.ref,
      progress: { phase: 'capturing', bytesDone, layersDone: 1 },
      deadlineAt,
    });
    const outcomeOf = (event: SnapshotEvent) => transitionSnapshot(working.snapshot, event);
    expect(outcomeOf(report(10, T0 + 500_000))).toEqual({ kind: 'ignored', because: 'no_effect' });
    expect(outcomeOf(report(11, T0))).toMatchObject({ next: { progress: { bytesDone: 11 }, operation: working.snapshot.operation } });
  });

  it('that is deleted while it is captured ignores the capture’s result, and removes what it left', () => {
    const captured = story().attempt();
    const { ref } = captured;
    const deleting = captured.delete();
    expect(transitionSnapshot(deleting.snapshot, { type: 'captured', ref, captured: CAPTURED, at: T0, upload: false })).toEqual({
      kind: 'ignored',
      because: 'stale',
    });
    const { ref: removal } = deleting.attempt();
    expect(transitionSnapshot(deleting.snapshot, { type: 'removed', ref: removal })).toEqual({ kind: 'gone' });
  });

  it('is removed from every executor that holds it', () => {
    const deleting = story({ availableOn: [HERE, ELSEWHERE] })
      .delete()
      .attempt(HERE);
    deleting.apply({ type: 'removed', ref: deleting.ref });
    expect(deleting.snapshot).toMatchObject({ status: 'deleting', availableOn: [ELSEWHERE], attempt: 0 });
    const { ref } = deleting.attempt(ELSEWHERE);
    expect(transitionSnapshot(deleting.snapshot, { type: 'removed', ref })).toEqual({ kind: 'gone' });
  });

  it('goes on being removed here when another executor that holds it is lost', () => {
    const deleting = story({ availableOn: [HERE, ELSEWHERE] })
      .delete()
      .attempt(HERE);
    const { operation } = deleting.snapshot;
    expect(deleting.lose(ELSEWHERE).snapshot).toMatchObject({ status: 'deleting', availableOn: [HERE], operation });
  });

  it('is gone with the only executor that held it, and stays for the registry to be cleaned', () => {
    const { snapshot, context } = story().attempt().capture().delete().attempt();
    expect(transitionSnapshot(snapshot, { type: 'executor_lost', executorId: HERE, ...context })).toEqual({ kind: 'gone' });
    const orphan = uploading().upload().delete().attempt().lose();
    expect(orphan.snapshot).toMatchObject({ status: 'deleting', availableOn: [], inRegistry: true, attempt: 0 });
    expect(orphan.snapshot).not.toHaveProperty('operation');
  });

  it('goes on being removed however often that fails', () => {
    const deleting = story().attempt().capture().delete();
    for (let attempt = 1; attempt <= 10; attempt++) {
      expect(deleting.attempt().fail(FINAL).snapshot).toMatchObject({ status: 'deleting', error: { ...FINAL, attempts: attempt } });
    }
  });

  it('expires by its TTL from its creation, however long the capture took', () => {
    const slow = story({ ttlSecs: 5 }).attempt().wait(8_000).capture();
    expect(snapshotExpiresAt(slow.snapshot)).toBe(T0 + 5_000);
    expect(slow.apply({ type: 'expired', at: slow.world.now }).snapshot.status).toBe('deleting');
  });

  it('without a TTL never expires', () => {
    const { snapshot } = story({ ttlSecs: 0 }).attempt().capture();
    expect(snapshotExpiresAt(snapshot)).toBeUndefined();
    expect(isExpired(snapshot, Number.MAX_SAFE_INTEGER)).toBe(false);
    expect(transitionSnapshot(snapshot, { type: 'expired', at: Number.MAX_SAFE_INTEGER }).kind).toBe('ignored');
  });

  it('counts towards the quota for as long as it holds, or will hold, an image', () => {
    expect(countsTowardsQuota(story().snapshot)).toBe(true);
    expect(countsTowardsQuota(story().attempt().capture().delete().snapshot)).toBe(true);
    expect(countsTowardsQuota(story().attempt().fail(FINAL).snapshot)).toBe(false);
  });

  it('that waits for its first attempt is due at once', () => {
    expect(snapshotDueAt(story().snapshot)).toBe(T0);
    expect(snapshotDueAt(story().attempt().capture().delete().snapshot)).toBe(T0);
  });
});
