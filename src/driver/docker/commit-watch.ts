import { sleep } from '../../lib/clock.ts';
import type { DockerContext } from './docker-context.ts';
import { type ImageFacts, inspectImage } from './image-facts.ts';
import { readJsonLines } from './json-lines.ts';

/** How long after a commit its last event is waited for: it comes on a connection of its own. */
const PATIENCE_MS = 100;

/** What the engine tells of a commit while it is at it. */
export interface CommitWatch {
  /** Milliseconds from the pause to the unpause after it; `undefined` when they were not heard. To be asked after the commit. */
  freezeMs(): Promise<number | undefined>;
  /** The facts of an image that was committed from the container; `undefined` when that was not heard, or the image is gone. */
  image(imageId: string): Promise<ImageFacts | undefined>;
  stop(): void;
}

/**
 * Listens to what the engine does with the container from about now on. It tells of a commit's image before it thaws the
 * container, so the image can be asked about meanwhile: when the commit returns, everything about it is known.
 */
export function watchCommit({ engine, clock, log }: DockerContext, containerId: string): CommitWatch {
  const stopped = new AbortController();
  const { signal } = stopped;
  const images = new Map<string, Promise<ImageFacts | undefined>>();
  let pausedAt: number | undefined;
  let freezeMs: number | undefined;
  const thawed = Promise.withResolvers<void>();
  const listen = async () => {
    const filters = JSON.stringify({ container: [containerId], event: ['pause', 'commit', 'unpause'] });
    const events = await engine.call(signal, (docker) => docker.getEvents({ filters, abortSignal: signal }));
    for await (const { Action, timeNano, Actor } of readJsonLines(events, signal)) {
      const imageId = (Actor as { Attributes?: Record<string, string> } | undefined)?.Attributes?.imageID;
      if (Action === 'pause') pausedAt = Number(timeNano);
      else if (Action === 'unpause' && pausedAt !== undefined) {
        freezeMs = (Number(timeNano) - pausedAt) / 1e6;
        thawed.resolve();
      } else if (Action === 'commit' && imageId !== undefined) {
        images.set(
          imageId,
          inspectImage(engine, imageId, signal).catch(() => undefined),
        );
      }
    }
  };
  listen().catch((error: unknown) => {
    if (!signal.aborted) log.warn({ err: error }, 'cannot hear what the engine tells of a capture');
  });
  return {
    async freezeMs() {
      if (pausedAt !== undefined) await Promise.race([thawed.promise, sleep(clock, PATIENCE_MS)]);
      return freezeMs;
    },
    image: async (imageId) => images.get(imageId),
    stop: () => stopped.abort(),
  };
}
