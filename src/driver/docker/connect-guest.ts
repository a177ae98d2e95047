import type { Duplex } from 'node:stream';
import type Docker from 'dockerode';
import { SandglassError } from '../../model/errors.ts';
import type { SandboxId } from '../../model/ids.ts';
import type { DockerContext } from './docker-context.ts';
import { DOOR_TARGET } from './guest-command.ts';
import { notRunning, requireRunning } from './sandbox-containers.ts';

/** A new connection to the sandbox's guest; see `Driver.connectGuest`. The engine is asked only when none is at hand. */
export async function connectGuest(context: DockerContext, sandboxId: SandboxId, signal: AbortSignal): Promise<Duplex> {
  signal.throwIfAborted();
  const { engine, executorId, doors } = context;
  await assertNotPaused(context, sandboxId);
  const atHand = (await doors.find(sandboxId))?.connectNow();
  if (atHand !== undefined) return atHand;

  const inspect = () => requireRunning(engine, executorId, sandboxId, signal);
  const container = await inspect();
  if (!hasGuest(container)) {
    const message = `sandbox ${sandboxId} was started by an earlier version of Sandglass, whose guest cannot be reached: take a snapshot of it, and restore that`;
    throw new SandglassError('guest_unavailable', message);
  }
  const door = await doors.open(sandboxId);
  for (let isFrozen = container.State.Paused; ; ) {
    try {
      return await door.connect(signal);
    } catch (error) {
      if (!(error instanceof SandglassError) || error.reason !== 'guest_unavailable') throw error;
      const wasFrozen = isFrozen;
      isFrozen = (await inspect()).State.Paused; // says so if it has ended
      await assertNotPaused(context, sandboxId);
      if (!wasFrozen && !isFrozen) throw error;
      // It is, or was, being captured, and comes when that is over.
    }
  }
}

/** @throws SandglassError `sandbox_not_running`: a paused guest would take a connection only when it is resumed. */
async function assertNotPaused({ markers }: DockerContext, sandboxId: SandboxId): Promise<void> {
  if (await markers.has(sandboxId)) throw notRunning(sandboxId, 'is paused: resume it first');
}

function hasGuest({ Mounts }: Docker.ContainerInspectInfo): boolean {
  return Mounts.some(({ Destination }) => Destination === DOOR_TARGET);
}
