import { randomInt } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { System } from '../support/system.ts';
import type { SystemProcess } from '../support/system-process.ts';
import { Rounds } from '../support/system-rounds.ts';

const seed = Number(process.env.SANDGLASS_TEST_SEED ?? randomInt(2 ** 31));

/** A stroke of bad luck: kills processes, and resolves when they are dead. */
type Strike = () => Promise<void>;
/** Does something, is struck in the middle of it, and holds against what must be true once all runs again. */
type Moment = (rounds: Rounds, strike: Strike, waitUpTo: (ms: number) => Promise<void>) => Promise<() => Promise<void>>;

const MOMENTS: Readonly<Record<string, Moment>> = {
  'before the request for it is answered': async (rounds, strike, waitUpTo) => {
    const answer = rounds.snapshot().catch(() => undefined);
    await waitUpTo(15);
    await strike();
    const acknowledged = await answer;
    return async () => {
      const all = await rounds.expectAllSettled();
      if (acknowledged !== undefined) expect(all.map(({ snapshot_id }) => snapshot_id)).toContain(acknowledged);
    };
  },

  'as soon as the request for it is answered': async (rounds, strike) => {
    const id = await rounds.snapshot();
    await strike();
    return () => expectRestorableIfActive(rounds, id);
  },

  'while the sandbox is frozen for it': async (rounds, strike, waitUpTo) => {
    const id = await rounds.snapshot();
    await rounds.untilFrozen();
    await waitUpTo(300);
    await strike();
    return () => expectRestorableIfActive(rounds, id);
  },

  'as soon as the engine has it': async (rounds, strike) => {
    const id = await rounds.snapshot();
    await rounds.untilCaptured(id);
    await strike();
    return () => expectRestorableIfActive(rounds, id);
  },

  'while it is deleted': async (rounds, strike, waitUpTo) => {
    const id = await rounds.activeSnapshot();
    await rounds.delete(id);
    await waitUpTo(60);
    await strike();
    return () => rounds.expectGone(id);
  },

  'while it is restored': async (rounds, strike, waitUpTo) => {
    const sandboxId = await rounds.restore(await rounds.activeSnapshot());
    await waitUpTo(400);
    await strike();
    return () => rounds.expectRestored(sandboxId);
  },
};

async function expectRestorableIfActive(rounds: Rounds, snapshotId: string): Promise<void> {
  const { status } = await rounds.expectSettled(snapshotId);
  if (status === 'active') await rounds.expectRestored(await rounds.restore(snapshotId));
}

describe.each([
  { shape: 'apart', victims: ['server', 'executor'] },
  { shape: 'up', victims: ['server'] },
] as const)('a snapshot, with server and executor $shape', ({ shape, victims }) => {
  let system: System;
  let rounds: Rounds;
  beforeAll(async () => {
    system = await System.start(`restart-${shape}`, { shape, config: { server: { retry: { base_ms: 200 } } } });
    rounds = await Rounds.begin(system);
  });
  afterAll(() => system?.close());
  beforeEach(() => system.showLogOnFailure());

  describe.each(victims)(shape === 'up' ? 'survives that both are killed' : 'survives that the %s is killed', (victim) => {
    test.each(Object.keys(MOMENTS))('%s', async (name) => {
      const waits: number[] = [];
      const random = seededRandom(`${seed} ${shape} ${victim} ${name}`);
      const waitUpTo = async (ms: number) => {
        waits.push(Math.round(random() * ms));
        await delay(waits.at(-1));
      };
      const process: SystemProcess = system[victim];
      try {
        const check = await (MOMENTS[name] as Moment)(rounds, () => process.kill(), waitUpTo);
        await system.run();
        await check();
        await rounds.expectSourceRuns();
        await rounds.cleanUp();
      } catch (cause) {
        throw new Error(`killed after ${waits.join(', ')} ms; SANDGLASS_TEST_SEED=${seed} repeats it`, { cause });
      }
    });
  });
});

/** Numbers in [0, 1) that follow from the text (mulberry32). */
function seededRandom(text: string): () => number {
  let state = 0;
  for (const letter of text) state = (Math.imul(state, 31) + letter.charCodeAt(0)) | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
