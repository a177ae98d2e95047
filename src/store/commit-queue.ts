import { SandglassError } from '../model/errors.ts';
import { failedCheck, type SealedCommit } from './commit-request.ts';
import type { Change, Revision } from './store.ts';

/** Where groups of commits go. */
export interface CommitLog {
  /** The revisions at which `keys` were last written, in their order, as of the latest group. */
  revisionsOf(keys: readonly string[]): Promise<readonly (Revision | undefined)[]>;

  /**
   * Applies `changes` in order, all or nothing, and resolves once they survive a crash and a loss of power; what is read
   * from then on shows them. `revision` is the latest among them.
   * When it throws, nobody knows whether they are on disk; what is read must go on not to show them.
   */
  append(changes: readonly Change[], revision: Revision): Promise<void>;
}

/** Who hears about what a queue does. Neither may throw. */
export interface CommitListener {
  /** Gets the changes of each commit, in order, before the commit is answered. */
  onDurable(changes: readonly Change[]): void;
  /** Called once, before the commits of the group that failed are answered. */
  onFailed?(failure: SandglassError): void;
}

/** Bounds of a queue. Sizes are bytes in memory. */
export interface CommitQueueLimits {
  /** A group takes commits up to these; one commit alone may be larger. */
  readonly groupWrites: number;
  readonly groupBytes: number;
  /** Past these, commits are refused rather than queued. */
  readonly waitingCommits: number;
  readonly waitingBytes: number;
}

/** A group of 2,048 writes keeps the event loop busy for a few milliseconds. */
const DEFAULT_LIMITS: CommitQueueLimits = {
  groupWrites: 2048,
  groupBytes: 4 * 1024 * 1024,
  waitingCommits: 16_384,
  waitingBytes: 64 * 1024 * 1024,
};

interface Waiting {
  readonly commit: SealedCommit;
  readonly resolve: (revision: Revision) => void;
  readonly reject: (error: SandglassError) => void;
}

/**
 * Groups commits: while one group is being made durable, callers queue; then all of them share the next one, and with it
 * one write and one sync of the log.
 *
 * Within a group, commits are decided in order of arrival, each against the store and the earlier commits of its group. One
 * that fails its checks harms no other. None is answered before the whole group is durable, also not an aborted one: what
 * it lost against could still fail.
 *
 * After a failed append it accepts nothing more (`failure`): the log may or may not hold that group, and a commit on
 * top would be built on a guess. Opening the store anew reads what the log really holds.
 */
export class CommitQueue {
  readonly #log: CommitLog;
  readonly #listener: CommitListener;
  readonly #limits: CommitQueueLimits;
  readonly #waiting: Waiting[] = [];
  #waitingBytes = 0;
  #revision: Revision;
  #running: Promise<void> | undefined;
  #failure: SandglassError | undefined;

  /** @param revision of the latest commit that the log holds. */
  constructor(log: CommitLog, revision: Revision, listener: CommitListener, limits: CommitQueueLimits = DEFAULT_LIMITS) {
    this.#log = log;
    this.#revision = revision;
    this.#listener = listener;
    this.#limits = limits;
  }

  /** The revision of the latest durable commit. */
  get revision(): Revision {
    return this.#revision;
  }

  /** Why commits are refused for good; `undefined` while they are not. */
  get failure(): SandglassError | undefined {
    return this.#failure;
  }

  /**
   * Decides the commit, makes it durable and returns its revision; without writes, a revision at which its checks held.
   * @throws SandglassError `aborted`; `too_many_requests` when too much waits already; what the log threw.
   */
  submit(commit: SealedCommit): Promise<Revision> {
    if (this.#failure !== undefined) return Promise.reject(refusal(this.#failure));
    if (this.#waiting.length >= this.#limits.waitingCommits || this.#waitingBytes >= this.#limits.waitingBytes) {
      return Promise.reject(
        new SandglassError('too_many_requests', `${this.#waiting.length} commits wait for the disk already; try again later`),
      );
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({ commit, resolve, reject });
      this.#waitingBytes += commit.sizeBytes;
      this.#running ??= this.#run();
    });
  }

  /** Resolves once everything that was submitted has been answered. */
  async drain(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  async #run(): Promise<void> {
    await undefined; // whatever else is submitted in this turn joins the first group
    while (this.#waiting.length > 0) {
      await this.#commit(this.#takeGroup());
      // The callers that were just answered may have a next commit: give them the time to get it into the next group.
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
    this.#running = undefined;
  }

  #takeGroup(): Waiting[] {
    let writes = 0;
    let bytes = 0;
    let count = 0;
    for (const { commit } of this.#waiting) {
      writes += Math.max(1, commit.writes.length);
      bytes += commit.sizeBytes;
      if (count > 0 && (writes > this.#limits.groupWrites || bytes > this.#limits.groupBytes)) break;
      count++;
    }
    const group = this.#waiting.splice(0, count);
    for (const { commit } of group) this.#waitingBytes -= commit.sizeBytes;
    return group;
  }

  async #commit(group: readonly Waiting[]): Promise<void> {
    let decided: Decisions;
    try {
      decided = decide(group, await this.#revisionsFor(group), this.#revision);
    } catch (thrown) {
      for (const { reject } of group) reject(SandglassError.from(thrown));
      return;
    }
    if (decided.revision > this.#revision) {
      try {
        await this.#log.append(decided.commits.flat(), decided.revision);
      } catch (thrown) {
        this.#fail(SandglassError.from(thrown), group);
        return;
      }
      this.#revision = decided.revision;
      for (const changes of decided.commits) this.#listener.onDurable(changes);
    }
    for (const answer of decided.answers) answer();
  }

  async #revisionsFor(group: readonly Waiting[]): Promise<Map<string, Revision | undefined>> {
    const keys = [...new Set(group.flatMap(({ commit }) => commit.checks.map(({ key }) => key)))];
    if (keys.length === 0) return new Map();
    const revisions = await this.#log.revisionsOf(keys);
    return new Map(keys.map((key, index) => [key, revisions[index]]));
  }

  #fail(failure: SandglassError, group: readonly Waiting[]): void {
    this.#failure = failure;
    this.#listener.onFailed?.(failure);
    for (const { reject } of group) reject(failure);
    for (const { reject } of this.#waiting.splice(0)) reject(refusal(failure));
    this.#waitingBytes = 0;
  }
}

interface Decisions {
  /** The changes of each commit that is to be written, in order. */
  readonly commits: readonly (readonly Change[])[];
  /** The latest revision among them; where there are none, the one before. */
  readonly revision: Revision;
  /** Settles each commit of the group. */
  readonly answers: readonly (() => void)[];
}

/** @param revisions of every checked key as of the group before; takes up the writes of this one. */
function decide(group: readonly Waiting[], revisions: Map<string, Revision | undefined>, before: Revision): Decisions {
  const commits: Change[][] = [];
  const answers: (() => void)[] = [];
  let revision = before;
  for (const { commit, resolve, reject } of group) {
    const aborted = failedCheck(commit.checks, (key) => revisions.get(key));
    if (aborted !== undefined) {
      answers.push(() => reject(aborted));
      continue;
    }
    if (commit.writes.length > 0) {
      revision += 1;
      commits.push(changesOf(commit, revision));
      for (const { key, value } of commit.writes) revisions.set(key, value && revision);
    }
    const answered = revision;
    answers.push(() => resolve(answered));
  }
  return { commits, revision, answers };
}

/** The changes of a commit that took place at `revision`. */
export function changesOf(commit: SealedCommit, revision: Revision): Change[] {
  return commit.writes.map(({ key, value }) => ({ key, value, revision }));
}

function refusal(failure: SandglassError): SandglassError {
  return new SandglassError(failure.reason, `nothing can be written since an earlier failure: ${failure.message}`, { cause: failure });
}
