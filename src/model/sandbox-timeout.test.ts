import { describe, expect, it } from 'vitest';
import { ELSEWHERE, HERE, idOf, newSandbox, T0, TIMEOUT_SECS } from '../../test/support/lifecycle-world.ts';
import { FINAL, PASSING } from '../../test/support/sandbox-events.ts';
import { capturing, expired, paused, running, runningUntil, story } from '../../test/support/sandbox-examples.ts';
import { sandboxDueAt } from './sandbox.ts';
import { transitionSandbox } from './sandbox-lifecycle.ts';
import { expiryStep } from './sandbox-timeout.ts';

const SNAPSHOT = idOf('snapshot', 1);
const END = T0 + TIMEOUT_SECS * 1000;
const MODES = ['terminate', 'pause', 'snapshot'] as const;

describe('a timeout', () => {
  it('stands still while the sandbox is paused, and begins anew when it is resumed', () => {
    const { sandbox } = paused().wait(10 * TIMEOUT_SECS * 1000);
    expect(sandbox).not.toHaveProperty('expiresAt');
    expect(sandboxDueAt(sandbox)).toBeUndefined();
    const resumed = paused().wait(5_000).attempt().succeed();
    expect(resumed.sandbox.expiresAt).toBe(END + 5_000);
  });

  it('stands still and begins anew, too, when the inventory tells of the pause and the resume', () => {
    const found = running().apply({ type: 'found', executorId: HERE, state: 'paused', at: T0 });
    expect(found.sandbox).not.toHaveProperty('expiresAt');
    expect(found.apply({ type: 'found', executorId: HERE, state: 'running', at: T0 + 7 }).sandbox.expiresAt).toBe(END + 7);
  });

  it('that is set counts from now while the sandbox runs, and is forgotten at the next pause', () => {
    const set = running().wait(1_000).setTimeout(60);
    expect(set.sandbox).toMatchObject({ expiresAt: T0 + 61_000, spec: { timeoutSecs: TIMEOUT_SECS } });
    expect(set.attempt().succeed().attempt().succeed().sandbox.expiresAt).toBe(END + 1_000);
    expect(running().setTimeout(60).expire().due().sandbox.message).toBe('its timeout of 60 s has passed');
  });

  it('that is set to 0 has no end', () => {
    const { sandbox } = running().setTimeout(0);
    expect(sandbox).not.toHaveProperty('expiresAt');
    expect(sandboxDueAt(sandbox)).toBeUndefined();
  });

  it.each([
    ['is pending', () => story().setTimeout(60).attempt().succeed()],
    ['starts', () => story().attempt().setTimeout(60).succeed()],
    ['has failed to start once', () => story().attempt().setTimeout(60).fail().wait(-500).attempt().succeed()],
    ['is lost while it starts', () => story().setTimeout(60).attempt().lose().attempt(ELSEWHERE).succeed()],
    ['is paused', () => paused().setTimeout(60).attempt().succeed()],
    ['is being resumed', () => paused().attempt().setTimeout(60).succeed()],
    ['could not be resumed at first', () => paused().setTimeout(60).attempt().fail().attempt().succeed()],
  ])('that is set while the sandbox %s counts from when it runs', (_state, make) => {
    const { sandbox, world } = make();
    expect(sandbox).toMatchObject({ status: 'running', expiresAt: world.now + 60_000 });
  });

  it('can be given with the resume', () => {
    const story = paused();
    const operation = story.world.issue(story.world.propose('resume_sandbox', 1));
    expect(story.apply({ type: 'attempt_started', operation, timeoutSecs: 60 }).succeed().sandbox.expiresAt).toBe(T0 + 60_000);
  });

  it('cannot be set while the sandbox is being paused, or once it ends', () => {
    for (const { sandbox } of [running().attempt(), expired('pause').attempt(), running().stop(), running().lose()]) {
      const outcome = transitionSandbox(sandbox, { type: 'timeout_set', timeoutSecs: 60, at: T0 });
      expect(outcome).toMatchObject({ kind: 'refused', error: { reason: 'sandbox_not_running' } });
    }
  });

  it('calls for nothing before it has passed', () => {
    for (const mode of MODES) {
      const { sandbox } = runningUntil(mode);
      expect(expiryStep(sandbox, END - 1)).toBeUndefined();
      expect(expiryStep(sandbox, END)).toBe({ terminate: 'stop', pause: 'pause', snapshot: 'capture' }[mode]);
    }
  });
});

describe('a timeout that pauses', () => {
  it('ends in a paused sandbox without an end', () => {
    const { sandbox } = expired('pause').attempt().succeed();
    expect(sandbox).toMatchObject({ status: 'paused', attempt: 0 });
    for (const field of ['expiresAt', 'operation', 'failure']) expect(sandbox).not.toHaveProperty(field);
  });

  it('is tried for as long as it takes, ever more rarely, and says why', () => {
    const story = expired('pause');
    const waits: number[] = [];
    for (let attempt = 1; attempt <= 9; attempt++) {
      const { sandbox, world } = story.attempt().fail(attempt % 2 === 0 ? FINAL : PASSING);
      expect(sandbox).toMatchObject({
        status: 'running',
        attempt,
        failure: { message: expect.stringContaining(`attempt ${attempt} to pause it`) },
      });
      waits.push((sandboxDueAt(sandbox) ?? 0) - world.now);
    }
    expect(waits).toEqual([750, 1_500, 3_000, 6_000, 12_000, 24_000, 45_000, 45_000, 45_000]);
    expect(story.attempt().succeed().sandbox).toMatchObject({ status: 'paused', attempt: 0 });
  });

  it('takes over from a pause that somebody asked for before, and that has failed', () => {
    const { sandbox, world } = runningUntil('pause')
      .wait(TIMEOUT_SECS * 1000 - 10)
      .attempt()
      .wait(10)
      .fail();
    expect(sandboxDueAt(sandbox)).toBe(world.now + 750);
    expect(expiryStep(sandbox, world.now)).toBe('pause');
  });

  it('is called off by a new one between two attempts', () => {
    const { sandbox } = expired('pause').attempt().fail().setTimeout(60);
    expect(sandbox).toMatchObject({ status: 'running', attempt: 0, expiresAt: END + 60_000 });
    for (const field of ['failure', 'nextAttemptAt']) expect(sandbox).not.toHaveProperty(field);
  });
});

describe('a timeout that takes a snapshot', () => {
  it('ends the sandbox once the snapshot is active, and not before', () => {
    const story = capturing();
    expect(story.sandbox).toMatchObject({ status: 'running', timeoutSnapshotId: SNAPSHOT });
    expect(transitionSandbox(story.wait(86_400_000).sandbox, { type: 'due', ...story.context })).toEqual({
      kind: 'ignored',
      because: 'no_effect',
    });
    expect(story.captured().sandbox).toMatchObject({
      status: 'stopping',
      outcome: 'timeout',
      timeoutSnapshotId: SNAPSHOT,
      message: `its timeout of ${TIMEOUT_SECS} s has passed; snapshot ${SNAPSHOT} was taken of it`,
    });
  });

  it('pauses the sandbox when the snapshot fails, and keeps why until it runs again', () => {
    const pausing = capturing().captureFailed(1, FINAL);
    expect(pausing.sandbox).toMatchObject({ status: 'running', captureFailure: FINAL });
    expect(pausing.sandbox).not.toHaveProperty('timeoutSnapshotId');
    const instead = pausing.attempt().fail().attempt().succeed();
    expect(instead.sandbox).toMatchObject({ status: 'paused', captureFailure: FINAL });
    expect(instead.sandbox).not.toHaveProperty('failure');
    const resumed = instead.attempt().succeed();
    expect(resumed.sandbox).not.toHaveProperty('captureFailure');
    expect(expiryStep(resumed.expire().sandbox, resumed.world.now)).toBe('capture');
  });

  it('pauses the sandbox when no snapshot may be taken', () => {
    const story = expired('snapshot').captureRefused(FINAL);
    expect(expiryStep(story.sandbox, story.world.now)).toBe('pause');
  });

  it('is called off by a new timeout; the next one takes a snapshot of its own', () => {
    const story = capturing().setTimeout(60);
    expect(story.sandbox).not.toHaveProperty('timeoutSnapshotId');
    expect(transitionSandbox(story.sandbox, { type: 'captured', snapshotId: SNAPSHOT })).toEqual({ kind: 'ignored', because: 'stale' });
    expect(story.expire().capture(2).captured(2).sandbox.timeoutSnapshotId).toBe(idOf('snapshot', 2));
  });

  it('is called off by a pause, which comes first while it is under way', () => {
    const pausing = capturing().attempt();
    expect(transitionSandbox(pausing.sandbox, { type: 'captured', snapshotId: SNAPSHOT })).toEqual({
      kind: 'ignored',
      because: 'no_effect',
    });
    expect(pausing.succeed().sandbox).not.toHaveProperty('timeoutSnapshotId');
    expect(capturing().attempt().fail().captured().sandbox.outcome).toBe('timeout');
  });

  it('does not keep a sandbox that is deleted meanwhile', () => {
    expect(capturing().stop().sandbox).toMatchObject({ status: 'stopping', outcome: 'stopped' });
  });

  it('takes no snapshot of a sandbox that runs without one, or before its time', () => {
    const event = { type: 'capture_started', snapshotId: SNAPSHOT, at: END - 1, retryAt: END } as const;
    for (const { sandbox } of [runningUntil('snapshot'), expired('pause'), expired('terminate')]) {
      expect(transitionSandbox(sandbox, event)).toEqual({ kind: 'ignored', because: 'no_effect' });
    }
  });
});

it('a sandbox that is endless by its configuration gets an end when it is told to', () => {
  const endless = story({ spec: { ...newSandbox().spec, timeoutSecs: 0, onTimeout: 'pause' } })
    .attempt()
    .succeed();
  expect(endless.sandbox).not.toHaveProperty('expiresAt');
  expect(endless.setTimeout(60).expire().attempt().succeed().sandbox.status).toBe('paused');
});
