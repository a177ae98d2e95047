import { sleep } from '../../lib/clock.ts';
import type { DockerContext } from './docker-context.ts';
import { isConflict, isNotFound, orUndefinedIfMissing } from './engine-errors.ts';

const POLL_MS = 50;

/** Ends what runs in a container, with SIGKILL, and removes it with its anonymous volumes. Returns when it is gone. */
export async function removeContainer({ engine, clock }: DockerContext, containerId: string, signal: AbortSignal): Promise<void> {
  try {
    await engine.call(signal, (docker) => docker.getContainer(containerId).remove({ force: true, v: true }));
  } catch (error) {
    if (isNotFound(error)) return;
    if (!isConflict(error)) throw error;
    // Somebody else is removing it; nothing tells when they are done.
    const inspect = () => engine.call(signal, (docker) => docker.getContainer(containerId).inspect({ abortSignal: signal }));
    while ((await orUndefinedIfMissing(inspect())) !== undefined) await sleep(clock, POLL_MS, signal);
  }
}
