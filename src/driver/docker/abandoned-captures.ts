import type { Clock } from '../../lib/clock.ts';
import { sleep } from '../../lib/clock.ts';
import type { Logger } from '../../lib/logger.ts';
import type { SandboxId } from '../../model/ids.ts';
import type { Engine } from './engine.ts';
import { engineStatus, isConflict, isNotFound, orUndefinedIfMissing } from './engine-errors.ts';
import type { ImageFacts } from './image-facts.ts';

const POLL_MS = 100;

/**
 * Sandboxes that were found frozen after a crash, and not because somebody paused them. The engine may still be at work on
 * the commit that froze them, and thaws them itself when it is done: to thaw them earlier would let their files change under
 * the capture. When it does not, in good time, they are thawed all the same, and what that commit may yet bring is torn.
 */
export class AbandonedCaptures {
  readonly #engine: Engine;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #patienceMs: number;
  /** When we thawed a sandbox that the engine had frozen. */
  readonly #thawedAt = new Map<SandboxId, number>();

  /** `patienceMs`: how long the engine is given to thaw a sandbox itself. */
  constructor(options: { engine: Engine; clock: Clock; log: Logger; patienceMs: number }) {
    this.#engine = options.engine;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#patienceMs = options.patienceMs;
  }

  /** Resolves when the container is no longer frozen. */
  async thaw(sandboxId: SandboxId, containerId: string, signal: AbortSignal): Promise<void> {
    const until = this.#clock.now() + this.#patienceMs;
    for (;;) {
      const found = await orUndefinedIfMissing(this.#engine.call(signal, (docker) => docker.getContainer(containerId).inspect()));
      if (found === undefined || !found.State.Paused) return;
      if (this.#clock.now() >= until) break;
      await sleep(this.#clock, POLL_MS, signal);
    }
    this.#log.warn({ sandboxId }, 'thawing a sandbox that was left frozen');
    this.#thawedAt.set(sandboxId, this.#clock.now());
    try {
      await this.#engine.call(signal, (docker) => docker.getContainer(containerId).unpause());
    } catch (error) {
      const endedMeanwhile = isNotFound(error) || isConflict(error) || engineStatus(error) === 500;
      if (!endedMeanwhile) throw error;
    }
  }

  /** True for an image of the sandbox whose capture was still under way when the sandbox was thawed. */
  isTorn(sandboxId: SandboxId, { created }: ImageFacts): boolean {
    const thawedAt = this.#thawedAt.get(sandboxId);
    return thawedAt !== undefined && Date.parse(created) >= thawedAt;
  }

  /** The sandbox is captured anew: what is made of it from here on is whole. */
  forget(sandboxId: SandboxId): void {
    this.#thawedAt.delete(sandboxId);
  }
}
