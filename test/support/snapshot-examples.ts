import type { SnapshotStatus } from '../../src/model/snapshot.ts';
import { ATTEMPT_MS, ELSEWHERE, FAILED_RETENTION_SECS, HERE, TTL_SECS } from './lifecycle-world.ts';
import { FINAL } from './snapshot-events.ts';
import { SnapshotStory } from './snapshot-story.ts';

export const story = (overrides?: ConstructorParameters<typeof SnapshotStory>[0]) => new SnapshotStory(overrides);
export const uploading = () => story().attempt().capture({ upload: true });
const lastAttempt = (begun: SnapshotStory) => begun.fail().attempt().fail().attempt();

/** A story for every kind of snapshot that a status can hold. */
export const SNAPSHOT_EXAMPLES: Record<SnapshotStatus, readonly (() => SnapshotStory)[]> = {
  creating: [
    () => story(),
    () => story().attempt(),
    () => story().attempt().progress(),
    () => story().attempt().fail(),
    () => story().attempt().wait(ATTEMPT_MS),
    () => lastAttempt(story().attempt()),
    () => lastAttempt(story().attempt()).wait(ATTEMPT_MS),
    () => story({ ttlSecs: 1 }).wait(2_000),
  ],
  uploading: [
    uploading,
    () => uploading().progress(),
    () => uploading().fail(),
    () => uploading().wait(ATTEMPT_MS),
    () => lastAttempt(uploading()),
    () => lastAttempt(uploading()).wait(ATTEMPT_MS),
  ],
  active: [
    () => story().attempt().capture(),
    () => story({ ttlSecs: 0 }).attempt().capture(),
    () => uploading().upload(),
    () =>
      story()
        .attempt()
        .capture()
        .wait(TTL_SECS * 1000),
  ],
  failed: [
    () => story().attempt().fail(FINAL),
    () => lastAttempt(story().attempt()).fail(),
    () => story().lose(),
    () =>
      story()
        .attempt()
        .fail(FINAL)
        .wait(FAILED_RETENTION_SECS * 1000),
  ],
  deleting: [
    () => story().attempt().capture().delete(),
    () => story().attempt().capture().delete().attempt(),
    () => story().attempt().capture().delete().attempt().progress(),
    () => story().attempt().capture().delete().attempt().fail(),
    () => story().attempt().capture().delete().attempt().wait(ATTEMPT_MS),
    () => story().attempt().delete().attempt(),
    () => uploading().upload().delete().attempt(),
    () =>
      story({ availableOn: [HERE, ELSEWHERE] })
        .delete()
        .attempt(),
    () =>
      story({ availableOn: [HERE, ELSEWHERE] })
        .delete()
        .attempt(ELSEWHERE),
  ],
};
