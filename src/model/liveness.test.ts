import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ELSEWHERE, HERE, RETRY } from '../../test/support/lifecycle-world.ts';
import { expired } from '../../test/support/sandbox-examples.ts';
import { SandboxStory } from '../../test/support/sandbox-story.ts';
import { CAPTURED, FINAL, PASSING } from '../../test/support/snapshot-events.ts';
import { SNAPSHOT_EXAMPLES } from '../../test/support/snapshot-examples.ts';
import { SnapshotStory } from '../../test/support/snapshot-story.ts';
import { sandboxDueAt } from './sandbox.ts';
import type { SandboxEvent } from './sandbox-event.ts';
import { transitionSandbox } from './sandbox-lifecycle.ts';
import { expiryStep } from './sandbox-timeout.ts';
import { snapshotDueAt } from './snapshot.ts';
import { type SnapshotEvent, transitionSnapshot } from './snapshot-lifecycle.ts';

/*
 * A controller that does its duty (it issues an attempt when none is under way, and acts on what is due) against an
 * executor and a network that do what they like, for as long as they like: `moods`, one per step. When the moods have run
 * out, nothing is ever heard of the executor again; only what needs it to be over (a removal) then has its executor lost.
 */

/** What can become of an instruction. */
const MOODS = ['silent', 'silent', 'progress', 'fails', 'fails for good', 'works', 'works in part', 'repeats itself', 'is lost'] as const;
type Mood = (typeof MOODS)[number] | 'somebody ends it';

const moods = fc.array(fc.constantFrom<Mood>(...MOODS, 'somebody ends it'), { maxLength: 60, size: 'max' });
const RUNS = { numRuns: 3_000 };

/** One step of a snapshot's life. @returns true when it is gone. */
function stepSnapshot(story: SnapshotStory, mood: Mood): boolean {
  const { snapshot, world } = story;
  const dueAt = snapshotDueAt(snapshot);
  if (dueAt === undefined) throw new Error(`a snapshot that is ${snapshot.status} waits for nothing`);
  const { operation } = snapshot;
  const holder = snapshot.availableOn[0] ?? (snapshot.inRegistry ? ELSEWHERE : HERE);
  if (operation === undefined) {
    world.now = Math.max(world.now, dueAt);
    story.attempt(snapshot.status === 'deleting' ? holder : HERE);
    return false;
  }
  const { ref, context } = story;
  const events: Record<Mood, () => SnapshotEvent> = {
    silent: () => {
      world.now = dueAt;
      return { type: 'due', ...story.context };
    },
    progress: () => {
      const bytesDone = (snapshot.progress?.bytesDone ?? 0) + 1;
      return { type: 'progressed', ref, progress: { phase: 'capturing', bytesDone }, deadlineAt: dueAt + 1_000 };
    },
    fails: () => ({ type: 'attempt_failed', ref, failure: PASSING, ...context }),
    'fails for good': () => ({ type: 'attempt_failed', ref, failure: FINAL, ...context }),
    works: () => {
      if (snapshot.status === 'deleting') return { type: 'removed', ref };
      if (snapshot.status === 'creating') return { type: 'captured', ref, captured: CAPTURED, at: world.now, upload: false };
      return { type: 'uploaded', ref, digest: CAPTURED.digest, uploadMs: 1, at: world.now };
    },
    'works in part': () => ({ type: 'captured', ref, captured: CAPTURED, at: world.now, upload: true }),
    'repeats itself': () => ({
      type: 'captured',
      ref: { ...ref, attempt: ref.attempt - 1 },
      captured: CAPTURED,
      at: world.now,
      upload: false,
    }),
    'is lost': () => ({ type: 'executor_lost', executorId: operation.executorId, ...context }),
    'somebody ends it': () => ({ type: 'delete_requested' }),
  };
  const outcome = transitionSnapshot(snapshot, events[mood]());
  if (outcome.kind === 'changed') story.snapshot = outcome.next;
  return outcome.kind === 'gone';
}

/** One step of a sandbox's life. */
function stepSandbox(story: SandboxStory, mood: Mood): void {
  const { sandbox, world } = story;
  const dueAt = sandboxDueAt(sandbox);
  if (dueAt === undefined) throw new Error(`a sandbox that is ${sandbox.status} waits for nothing`);
  const { ref, context } = sandbox.operation === undefined ? { ref: undefined, context: story.context } : story;
  if (ref === undefined) {
    world.now = Math.max(world.now, dueAt);
    if (sandbox.status === 'running') stepTimeout(story, mood);
    else if (world.now >= sandbox.startDeadlineAt && sandbox.status === 'pending') story.due();
    else if (mood === 'silent' && sandbox.status === 'pending') story.postpone();
    else story.attempt(sandbox.executorId ?? HERE);
    return;
  }
  const events: Record<Mood, () => SandboxEvent> = {
    silent: () => {
      world.now = dueAt;
      return { type: 'due', ...story.context };
    },
    progress: () => {
      const bytesDone = (sandbox.progress?.bytesDone ?? 0) + 1;
      return { type: 'progressed', ref, progress: { phase: 'pulling', bytesDone }, deadlineAt: dueAt + 1_000 };
    },
    fails: () => ({ type: 'attempt_failed', ref, failure: PASSING, ...context }),
    'fails for good': () => ({ type: 'attempt_failed', ref, failure: FINAL, ...context }),
    works: () => ({ type: 'attempt_succeeded', ref, at: world.now }),
    'works in part': () => ({ type: 'exited', executorId: HERE, exitCode: 1, oomKilled: false, at: world.now }),
    'repeats itself': () => ({ type: 'attempt_succeeded', ref: { ...ref, attempt: ref.attempt - 1 }, at: world.now }),
    'is lost': () => ({ type: 'executor_lost', executorId: sandbox.executorId ?? HERE, at: world.now }),
    'somebody ends it': () => ({ type: 'stop_requested', outcome: 'stopped', message: 'deleted', at: world.now }),
  };
  const outcome = transitionSandbox(sandbox, events[mood]());
  if (outcome.kind === 'changed') story.sandbox = outcome.next;
}

/** One step of a sandbox whose timeout has passed; the mood says what becomes of its snapshot. */
function stepTimeout(story: SandboxStory, mood: Mood): void {
  const step = expiryStep(story.sandbox, story.world.now);
  if (step === 'stop') story.due();
  else if (step === 'pause') story.attempt();
  else if (step === 'capture') mood === 'fails for good' ? story.captureRefused() : story.capture();
  else if (mood === 'works') story.captured();
  else if (mood === 'fails' || mood === 'fails for good') story.captureFailed();
  else if (mood === 'is lost') story.lose();
  else if (mood === 'somebody ends it') story.stop();
  else story.postpone('its snapshot is being taken');
}

describe('whatever executors and networks do', () => {
  it('a snapshot is active, failed or gone after a bounded number of steps', () => {
    const ends = new Set<string>();
    fc.assert(
      fc.property(moods, (given) => {
        const story = new SnapshotStory();
        // Each mood is one step and may need an attempt before it; then come all attempts of one last try, each with its end.
        const bound = 2 * given.length + 2 * (RETRY.maxAttempts + 1);
        const isOver = () => story.snapshot.status === 'active' || story.snapshot.status === 'failed';
        let isGone = false;
        let steps = 0;
        for (const rest = [...given]; !isGone && !isOver(); steps++) {
          expect(steps).toBeLessThan(bound);
          const isWaiting = story.snapshot.operation !== undefined;
          const mood = isWaiting ? (rest.shift() ?? (story.snapshot.status === 'deleting' ? 'is lost' : 'silent')) : 'silent';
          isGone = stepSnapshot(story, mood);
        }
        ends.add(isGone ? 'gone' : story.snapshot.status);
      }),
      RUNS,
    );
    expect([...ends].sort()).toEqual(['active', 'failed', 'gone']);
  });

  it('a snapshot that is deleted is gone a bounded number of steps later, as soon as an executor does what it is told', () => {
    const starts = Object.entries(SNAPSHOT_EXAMPLES).flatMap(([status, stories]) => (status === 'deleting' ? [] : stories));
    fc.assert(
      fc.property(fc.constantFrom(...starts), moods, (start, given) => {
        const story = start().delete();
        const bound = 2 * given.length + 2;
        let isGone = false;
        let steps = 0;
        for (const rest = [...given]; !isGone; steps++) {
          expect(steps).toBeLessThan(bound);
          isGone = stepSnapshot(story, story.snapshot.operation === undefined ? 'silent' : (rest.shift() ?? 'works'));
        }
      }),
      RUNS,
    );
  });

  it('a sandbox runs or has ended after a bounded number of steps', () => {
    const ends = new Set<string>();
    fc.assert(
      fc.property(moods, (given) => {
        const story = new SandboxStory();
        const postponements = Math.ceil((story.sandbox.startDeadlineAt - story.sandbox.createdAt) / 30_000);
        const bound = 2 * given.length + 2 * (RETRY.maxAttempts + 1) + postponements + 2;
        const isOver = () => story.sandbox.status === 'running' || story.sandbox.status === 'terminated';
        let steps = 0;
        for (const rest = [...given]; !isOver(); steps++) {
          expect(steps).toBeLessThan(bound);
          stepSandbox(story, rest.shift() ?? (story.sandbox.status === 'stopping' ? 'is lost' : 'silent'));
        }
        ends.add(story.sandbox.status);
      }),
      RUNS,
    );
    expect([...ends].sort()).toEqual(['running', 'terminated']);
  });

  it('a sandbox whose timeout has passed is paused or has ended after a bounded number of steps', () => {
    const ends = new Set<string>();
    fc.assert(
      fc.property(fc.constantFrom('terminate', 'pause', 'snapshot'), moods, (mode, given) => {
        const story = expired(mode);
        // Each mood is one step and may need an attempt before it; then come the snapshot, and a pause or a stop.
        const bound = 2 * given.length + 6;
        const isOver = () => story.sandbox.status === 'paused' || story.sandbox.status === 'terminated';
        let steps = 0;
        for (const rest = [...given]; !isOver(); steps++) {
          expect(steps).toBeLessThan(bound);
          stepSandbox(story, rest.shift() ?? 'works');
        }
        ends.add(`${mode}: ${story.sandbox.status} ${story.sandbox.outcome ?? ''}`.trim());
      }),
      RUNS,
    );
    const otherwise = (mode: string) => ['executor_lost', 'exited', 'stopped'].map((outcome) => `${mode}: terminated ${outcome}`);
    const expected = ['pause: paused', 'snapshot: paused', 'snapshot: terminated timeout', 'terminate: terminated timeout'];
    expect([...ends].sort()).toEqual([...expected, ...otherwise('pause'), ...otherwise('snapshot')].sort());
  });

  it('a sandbox that somebody ends is terminated after a bounded number of steps, whatever it was doing', () => {
    fc.assert(
      fc.property(fc.constantFrom('starting', 'running', 'pausing', 'paused', 'resuming'), moods, (doing, given) => {
        const story = new SandboxStory().attempt();
        if (doing !== 'starting') story.succeed();
        if (doing === 'pausing') story.attempt();
        if (doing === 'paused' || doing === 'resuming') story.attempt().succeed();
        if (doing === 'resuming') story.attempt();
        story.stop();
        const bound = 2 * given.length + 4;
        let steps = 0;
        for (const rest = [...given]; story.sandbox.status !== 'terminated'; steps++) {
          expect(steps).toBeLessThan(bound);
          stepSandbox(story, rest.shift() ?? 'is lost');
        }
        expect(story.sandbox.outcome).toBe('stopped');
      }),
      RUNS,
    );
  });
});
