import { describe, expect, it } from 'vitest';
import { ATTEMPT_MS, ELSEWHERE, HERE, idOf, newSandbox, START_DEADLINE_MS, T0, TIMEOUT_SECS } from '../../test/support/lifecycle-world.ts';
import { FINAL, PASSING, sandboxEvents } from '../../test/support/sandbox-events.ts';
import { lastStart, paused, running, SANDBOX_EXAMPLES, story } from '../../test/support/sandbox-examples.ts';
import type { SandboxStory } from '../../test/support/sandbox-story.ts';
import { cellOf, SANDBOX_TABLE } from '../../test/support/state-transition-table.ts';
import { occupiesExecutor, sandboxDueAt } from './sandbox.ts';
import { transitionSandbox } from './sandbox-lifecycle.ts';

const SOURCE = { snapshotId: idOf('snapshot', 1) };

const entriesOf = <K extends string, V>(record: Readonly<Record<K, V>>) => Object.entries(record) as [K, V][];

describe('the sandbox transition table', () => {
  for (const [status, row] of entriesOf(SANDBOX_TABLE)) {
    for (const [type, cells] of entriesOf(row)) {
      it(`${status} × ${type}: ${cells.join(', ')}`, () => {
        const seen = new Set<string>();
        for (const example of SANDBOX_EXAMPLES[status]) {
          const { sandbox, world } = example();
          expect(sandbox.status).toBe(status);
          for (const event of sandboxEvents(sandbox, world)[type]()) seen.add(cellOf(transitionSandbox(sandbox, event)));
        }
        expect([...seen].sort()).toEqual([...cells].sort());
      });
    }
  }
});

describe('a sandbox', () => {
  it('runs once its start has succeeded, and keeps nothing of the attempt', () => {
    const { sandbox } = story().postpone().attempt().progress().wait(500).succeed();
    expect(sandbox).toMatchObject({ status: 'running', executorId: HERE, startedAt: T0 + 30_500, attempt: 0 });
    for (const field of ['operation', 'progress', 'nextAttemptAt', 'pendingReason', 'failure']) expect(sandbox).not.toHaveProperty(field);
  });

  it('has its timeout counted from when it runs; without one it runs on', () => {
    expect(story().wait(5_000).attempt().succeed().sandbox.expiresAt).toBe(T0 + 5_000 + TIMEOUT_SECS * 1000);
    const endless = story({ spec: { ...newSandbox().spec, timeoutSecs: 0 } })
      .attempt()
      .succeed();
    expect(endless.sandbox).not.toHaveProperty('expiresAt');
    expect(sandboxDueAt(endless.sandbox)).toBeUndefined();
  });

  it('takes the snapshot that it starts from as it is when it starts', () => {
    const source = { ...SOURCE, imageRef: 'sandglass/snapshots:1', digest: `sha256:${'c'.repeat(64)}` };
    const forked = story({ source: SOURCE });
    forked.apply({ type: 'attempt_started', operation: forked.world.propose('start_sandbox', 1), source });
    expect(forked.sandbox.source).toEqual(source);
  });

  it('that cannot be placed says why, and when it is tried again', () => {
    const { sandbox } = story().postpone('no executor has room');
    expect(sandbox).toMatchObject({ status: 'pending', pendingReason: 'no executor has room', nextAttemptAt: T0 + 30_000 });
    expect(sandboxDueAt(sandbox)).toBe(T0 + 30_000);
  });

  it('that nothing could start until its deadline ends with what it waited for', () => {
    const waiting = story().postpone('no executor has room').wait(START_DEADLINE_MS);
    expect(sandboxDueAt(waiting.postpone('no executor has room').sandbox)).toBe(T0 + START_DEADLINE_MS);
    expect(waiting.due().sandbox).toMatchObject({
      status: 'terminated',
      outcome: 'start_failed',
      message: 'not started in time: no executor has room',
    });
  });

  it('is started three times at most, then cleaned up, and keeps why to the end', () => {
    const failed = lastStart().fail();
    expect(failed.sandbox).toMatchObject({ status: 'stopping', outcome: 'start_failed', message: PASSING.message, failure: PASSING });
    const ended = failed.attempt().fail(FINAL).attempt().succeed();
    expect(ended.sandbox).toMatchObject({ status: 'terminated', outcome: 'start_failed', message: PASSING.message, failure: PASSING });
  });

  it('is not started again when that cannot help', () => {
    expect(story().attempt().fail(FINAL).sandbox).toMatchObject({ status: 'stopping', outcome: 'start_failed', failure: FINAL });
  });

  it('starts on another executor when its own is lost while it starts', () => {
    const { sandbox } = story().attempt().progress().lose();
    expect(sandbox).toMatchObject({ status: 'pending', attempt: 1, nextAttemptAt: T0 });
    for (const field of ['executorId', 'operation', 'progress']) expect(sandbox).not.toHaveProperty(field);
  });

  it('is paused and resumed', () => {
    expect(paused().sandbox.status).toBe('paused');
    expect(paused().attempt().succeed().sandbox.status).toBe('running');
  });

  it('goes on as it was when it could not be paused, and says why until something succeeds', () => {
    expect(running().attempt().fail().sandbox).toMatchObject({ status: 'running', failure: PASSING, attempt: 0 });
    expect(running().attempt().timeOut().sandbox).toMatchObject({ status: 'running', failure: { reason: 'deadline_exceeded' } });
    expect(running().attempt().fail().attempt().succeed().sandbox).not.toHaveProperty('failure');
  });

  it('refuses to be resumed while it is being paused', () => {
    const { sandbox, world } = running().attempt();
    const outcome = transitionSandbox(sandbox, { type: 'attempt_started', operation: world.propose('resume_sandbox', 1) });
    expect(outcome).toMatchObject({ kind: 'refused', error: { reason: 'sandbox_not_running' } });
  });

  it('is stopped when its timeout has passed, also while it is being paused', () => {
    for (const begun of [running(), running().attempt()]) {
      const { sandbox } = begun.expire().due();
      expect(sandbox).toMatchObject({ status: 'stopping', outcome: 'timeout', message: `its timeout of ${TIMEOUT_SECS} s has passed` });
      expect(sandbox).not.toHaveProperty('operation');
    }
  });

  it('says how its main process ended', () => {
    const exit = { type: 'exited' as const, executorId: HERE, at: T0 };
    expect(running().apply({ ...exit, exitCode: 3, oomKilled: false }).sandbox).toMatchObject({
      status: 'stopping',
      outcome: 'exited',
      exitCode: 3,
      message: 'its main process ended with status 3',
    });
    expect(running().apply({ ...exit, exitCode: 137, oomKilled: true }).sandbox).toMatchObject({
      outcome: 'oom_killed',
      message: 'killed at its memory limit of 256 MB; give it more with resources.memory_mb',
    });
  });

  it('is not touched by what happens on an executor where it is not', () => {
    const { sandbox } = running();
    const events = sandboxEvents(sandbox, running().world);
    const elsewhere = [...events.exited(), ...events.vanished(), ...events.executor_lost()].filter(
      ({ executorId }) => executorId === ELSEWHERE,
    );
    expect(elsewhere).toHaveLength(4);
    for (const event of elsewhere) expect(transitionSandbox(sandbox, event)).toEqual({ kind: 'ignored', because: 'stale' });
  });

  it('goes on being stopped however often that fails', () => {
    const stopping = running().stop();
    for (let attempt = 1; attempt <= 10; attempt++) {
      expect(stopping.attempt().fail(FINAL).sandbox).toMatchObject({ status: 'stopping', outcome: 'stopped', attempt, failure: FINAL });
    }
    expect(stopping.lose().sandbox).toMatchObject({ status: 'terminated', outcome: 'stopped' });
  });

  it('occupies its executor from its start until nothing of it is left', () => {
    const occupies = (begun: SandboxStory) => occupiesExecutor(begun.sandbox);
    expect([story(), story().attempt().fail(), running().lose()].map(occupies)).toEqual([false, false, false]);
    expect([story().attempt(), running(), paused(), running().stop()].map(occupies)).toEqual([true, true, true, true]);
  });

  it('is due at once when it has something to do', () => {
    expect([story(), running().stop()].map(({ sandbox }) => sandboxDueAt(sandbox))).toEqual([T0, T0]);
    expect(sandboxDueAt(running().attempt().sandbox)).toBe(T0 + ATTEMPT_MS);
    expect(sandboxDueAt(running().sandbox)).toBe(T0 + TIMEOUT_SECS * 1000);
  });
});
