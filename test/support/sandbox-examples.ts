import type { SandboxStatus } from '../../src/model/sandbox.ts';
import { ATTEMPT_MS, START_DEADLINE_MS, TIMEOUT_SECS } from './lifecycle-world.ts';
import { FINAL } from './sandbox-events.ts';
import { SandboxStory } from './sandbox-story.ts';

export const story = (overrides?: ConstructorParameters<typeof SandboxStory>[0]) => new SandboxStory(overrides);
export const running = () => story().attempt().succeed();
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
  ],
  paused: [paused, () => paused().attempt(), () => paused().attempt().wait(ATTEMPT_MS), () => paused().wait(TIMEOUT_SECS * 1000)],
  stopping: [
    () => running().stop(),
    () => running().stop().attempt(),
    () => running().stop().attempt().fail(),
    () => running().stop().attempt().wait(ATTEMPT_MS),
    () => story().attempt().fail(FINAL),
    () => story().attempt().fail(FINAL).attempt(),
  ],
  terminated: [
    () => story().stop(),
    () => running().stop().attempt().succeed(),
    () => running().lose(),
    () => story().attempt().fail(FINAL).attempt().succeed(),
  ],
};
