import { expect, test } from 'vitest';
import { SandglassError } from '../model/errors.ts';
import { type CommitLog, CommitQueue, type CommitQueueLimits } from './commit-queue.ts';
import { sealCommit } from './commit-request.ts';
import type { Change, CommitRequest, Revision } from './store.ts';

/** A log whose appends finish when the test says so. */
class SlowLog implements CommitLog {
  readonly groups: { changes: readonly Change[]; finish: () => void; fail: (error: unknown) => void }[] = [];
  readonly revisions = new Map<string, Revision>();
  /** Makes reads fail. */
  damage: SandglassError | undefined;
  #arrived: (() => void) | undefined;

  async revisionsOf(keys: readonly string[]): Promise<(Revision | undefined)[]> {
    if (this.damage !== undefined) throw this.damage;
    return keys.map((key) => this.revisions.get(key));
  }

  append(changes: readonly Change[]): Promise<void> {
    return new Promise((resolve, reject) => {
      const finish = () => {
        for (const { key, value, revision } of changes) {
          if (value === undefined) this.revisions.delete(key);
          else this.revisions.set(key, revision);
        }
        resolve();
      };
      this.groups.push({ changes, finish, fail: reject });
      this.#arrived?.();
    });
  }

  /** The keys of group `index`, as soon as it has arrived. */
  async group(index: number): Promise<string[]> {
    while (this.groups[index] === undefined) await new Promise<void>((resolve) => (this.#arrived = resolve));
    return this.groups[index].changes.map(({ key }) => key);
  }
}

function setUp(limits: Partial<CommitQueueLimits> = {}) {
  const log = new SlowLog();
  const durable: string[] = [];
  const failures: SandglassError[] = [];
  const listener = {
    onDurable: (changes: readonly Change[]) => void durable.push(changes.map(({ key, revision }) => `${key}@${revision}`).join(' ')),
    onFailed: (failure: SandglassError) => void failures.push(failure),
  };
  const all = { groupWrites: 100, groupBytes: 1_000_000, waitingCommits: 100, waitingBytes: 1_000_000, ...limits };
  const queue = new CommitQueue(log, 10, listener, all);
  const submit = (request: CommitRequest) => {
    const outcome = queue.submit(sealCommit(request)).catch((error: SandglassError) => error.reason);
    return { outcome };
  };
  return { log, queue, durable, failures, submit };
}

const put = (key: string, size = 0): CommitRequest => ({ puts: [{ key, value: new Uint8Array(size) }] });
const create = (key: string): CommitRequest => ({ ...put(key), checks: [{ key, revision: undefined }] });

test('what arrives while a group is being written goes into the next one together', async () => {
  const { log, submit, queue } = setUp();
  const first = submit(put('a'));
  expect(await log.group(0)).toEqual(['a']);
  const rest = [submit(put('b')), submit(put('c')), submit(put('d'))];
  log.groups[0]?.finish();
  expect(await first.outcome).toBe(11);
  expect(await log.group(1)).toEqual(['b', 'c', 'd']);
  log.groups[1]?.finish();
  expect(await Promise.all(rest.map(({ outcome }) => outcome))).toEqual([12, 13, 14]);
  expect(queue.revision).toBe(14);
});

test('what is submitted in one turn shares the first group', async () => {
  const { log, submit } = setUp();
  for (const key of ['a', 'b', 'c']) submit(put(key));
  expect(await log.group(0)).toEqual(['a', 'b', 'c']);
});

test('nothing is answered or announced before its group is durable; then each commit is announced in order', async () => {
  const { log, submit, durable, queue } = setUp();
  const answers: unknown[] = [];
  for (const request of [create('a'), create('a'), create('b'), { checks: [{ key: 'a', revision: 11 }] }]) {
    void submit(request).outcome.then((answer) => answers.push(answer));
  }
  await log.group(0);
  expect({ answers, durable, revision: queue.revision }).toEqual({ answers: [], durable: [], revision: 10 });
  log.groups[0]?.finish();
  await queue.drain();
  expect({ answers, durable, revision: queue.revision }).toEqual({
    answers: [11, 'aborted', 12, 12],
    durable: ['a@11', 'b@12'],
    revision: 12,
  });
});

test('commits that write nothing need no log', async () => {
  const { log, submit } = setUp();
  log.revisions.set('a', 7);
  const outcomes = [submit({ checks: [{ key: 'a', revision: 7 }] }), submit(create('a')), submit({})];
  expect(await Promise.all(outcomes.map(({ outcome }) => outcome))).toEqual([10, 'aborted', 10]);
  expect(log.groups).toEqual([]);
});

test('a group ends at its bounds; a commit that is larger than a group may be goes alone', async () => {
  const { log, submit } = setUp({ groupWrites: 2, groupBytes: 10_000 });
  for (const key of ['a', 'b', 'c']) submit(put(key));
  submit(put('large', 20_000));
  submit(put('d'));
  const groups = [];
  for (let index = 0; index < 4; index++) {
    groups.push(await log.group(index));
    log.groups[index]?.finish();
  }
  expect(groups).toEqual([['a', 'b'], ['c'], ['large'], ['d']]);
});

test('too many waiting commits are refused at once, and taken again when there is room', async () => {
  const { log, submit } = setUp({ waitingCommits: 2 });
  const first = submit(put('a'));
  await log.group(0);
  const waiting = [submit(put('b')), submit(put('c'))];
  expect(await submit(put('d')).outcome).toBe('too_many_requests');
  log.groups[0]?.finish();
  await first.outcome;
  await log.group(1);
  const later = submit(put('e'));
  log.groups[1]?.finish();
  expect(await Promise.all(waiting.map(({ outcome }) => outcome))).toEqual([12, 13]);
  await log.group(2);
  log.groups[2]?.finish();
  expect(await later.outcome).toBe(14);
});

test('so are waiting commits that are too large in all, until they are being written', async () => {
  const { log, submit } = setUp({ waitingBytes: 1000 });
  submit(put('a'));
  await log.group(0);
  submit(put('b', 2000));
  expect(await submit(put('c')).outcome).toBe('too_many_requests');
  log.groups[0]?.finish();
  await log.group(1);
  const later = submit(put('d'));
  log.groups[1]?.finish();
  await log.group(2);
  log.groups[2]?.finish();
  expect(await later.outcome).toBe(13);
});

test('a caller that has just been answered gets its next commit into the very next group', async () => {
  const { log, submit } = setUp();
  const answered = submit(put('a')).outcome.then(async () => {
    for (let turn = 0; turn < 10; turn++) await undefined; // layers of callers in between
    submit(put('c'));
  });
  await log.group(0);
  submit(put('b'));
  log.groups[0]?.finish();
  await answered;
  expect(await log.group(1)).toEqual(['b', 'c']);
});

test('a failed append fails its group and everything after it, and announces nothing', async () => {
  const { log, submit, durable, failures, queue } = setUp();
  const group = [submit(put('a')), submit(create('b'))];
  await log.group(0);
  const waiting = submit(put('c'));
  log.groups[0]?.fail(new SandglassError('disk_full', 'no space'));
  expect(await Promise.all([...group, waiting, submit(put('d'))].map(({ outcome }) => outcome))).toEqual(Array(4).fill('disk_full'));
  await queue.drain();
  expect({ durable, revision: queue.revision, groups: log.groups.length }).toEqual({ durable: [], revision: 10, groups: 1 });
  expect(failures.map(({ reason }) => reason)).toEqual(['disk_full']);
  expect(queue.failure).toBe(failures[0]);

  expect(await submit(put('much later')).outcome).toBe('disk_full');
  expect(log.groups.length).toBe(1);
});

test('a failed read fails its group only: nothing of it was written', async () => {
  const { log, submit, queue } = setUp();
  log.damage = new SandglassError('store_corrupt', 'damaged');
  expect(await submit(create('a')).outcome).toBe('store_corrupt');
  log.damage = undefined;
  const next = submit(create('b'));
  await log.group(0);
  log.groups[0]?.finish();
  expect(await next.outcome).toBe(11);
  expect(queue.failure).toBeUndefined();
});
