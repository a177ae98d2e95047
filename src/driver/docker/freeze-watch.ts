import type { DockerContext } from './docker-context.ts';
import { readJsonLines } from './json-lines.ts';

/** Hears from the engine how long a container stands still. */
export interface FreezeWatch {
  /** Ends the watch. @returns milliseconds from the last pause to the unpause after it; `undefined` when they were not heard. */
  stop(): number | undefined;
}

/**
 * Listens to the engine's own account of when it pauses and unpauses the container, while it does: asking for it afterwards would
 * take a call that the client of a snapshot waits for. Only what happens from about now on is heard.
 */
export function watchFreeze({ engine, log }: DockerContext, containerId: string): FreezeWatch {
  const stopped = new AbortController();
  const { signal } = stopped;
  let pausedAt: number | undefined;
  let freezeMs: number | undefined;
  const listen = async () => {
    const filters = JSON.stringify({ container: [containerId], event: ['pause', 'unpause'] });
    const events = await engine.call(signal, (docker) => docker.getEvents({ filters, abortSignal: signal }));
    for await (const { Action, timeNano } of readJsonLines(events, signal)) {
      if (Action === 'pause') pausedAt = Number(timeNano);
      else if (pausedAt !== undefined) freezeMs = (Number(timeNano) - pausedAt) / 1e6;
    }
  };
  listen().catch((error: unknown) => {
    if (!signal.aborted) log.warn({ err: error }, 'cannot hear how long a capture freezes its sandbox');
  });
  return {
    stop() {
      stopped.abort();
      return freezeMs;
    },
  };
}
