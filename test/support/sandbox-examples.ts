import type { OnTimeout, SandboxStatus } from '../../src/model/sandbox.ts';
import { ATTEMPT_MS, newSandbox, START_DEADLINE_MS, TIMEOUT_SECS } from './lifecycle-world.ts';
import { FINAL } from './sandbox-events.ts';
import { SandboxStory } from './sandbox-story.ts';

export const story = (overrides?: ConstructorParameters<typeof SandboxStory>[0]) => new SandboxStory(overrides);
export const running = () => story().attempt().succeed();
/** One that has just begun to run, and for which its timeout does this. */
export const runningUntil = (onTimeout: OnTimeout) =>
  story({ spec: { ...newSandbox().spec, onTimeout } })
    .attempt()
    .succeed();
export const expired = (onTimeout: OnTimeout) => runningUntil(onTimeout).expire();
/** One whose timeout asks for a snapshot, which is being taken. */
export const capturing = () => expired('snapshot').capture();
export const paused = () => running().attempt().succeed();
export const lastStart = () => story().attempt().fail().attempt().fail().attempt();

/** A story for every kind of sandbox that a status can hold. */
export const SANDBOX_EXAMPLES: Record<SandboxStatus, readonly (() => SandboxStory)[]> = {
  pending: [
    () => story(),
    () => story().postpone(),
    () => story().attempt().fail(),
    () => story().attempt().lose(),
    () => story().wait(START_DEADLINE_MS),
  ],
  starting: [
    () => story().attempt(),
    () => story().attempt().progress(),
    () => story().attempt().wait(ATTEMPT_MS),
    () => lastStart(),
    () => lastStart().wait(ATTEMPT_MS),
  ],
  running: [
    running,
    () => running().attempt(),
    () => running().attempt().wait(ATTEMPT_MS),
    () => running().wait(TIMEOUT_SECS * 1000),
    () => paused().attempt().succeed(),
    () => running().setTimeout(60).wait(60_000),
    () => expired('pause'),
    () => expired('pause').attempt(),
    () => expired('pause').attempt().wait(ATTEMPT_MS),
    () => expired('pause').attempt().fail(),
    () => expired('snapshot'),
    () => expired('snapshot').attempt(),
    capturing,
    () => capturing().attempt(),
    () => capturing().captureFailed(),
    () => capturing().captureFailed().attempt(),
    () => expired('snapshot').captureRefused(),
  ],
  paused: [
    paused,
    () => paused().attempt(),
    () => paused().attempt().wait(ATTEMPT_MS),
    () => paused().wait(TIMEOUT_SECS * 1000),
    () => paused().setTimeout(60),
    () => expired('pause').attempt().succeed(),
    () => capturing().captureFailed().attempt().succeed(),
  ],
  stopping: [
    () => running().stop(),
    () => running().stop().attempt(),
    () => expired('terminate').due(),
    () => capturing().captured(),
    () => running().stop().attempt().fail(),
    () => running().stop().attempt().wait(ATTEMPT_MS),
    () => story().attempt().fail(FINAL),
    () => story().attempt().fail(FINAL).attempt(),
  ],
  terminated: [
    () => story().stop(),
    () => running().stop().attempt().succeed(),
    () => running().lose(),
    () => capturing().captured().attempt().succeed(),
    () => story().attempt().fail(FINAL).attempt().succeed(),
  ],
};
