import type { Control } from '../../control/control.ts';
import { SandglassError } from '../../model/errors.ts';
import type { ExecutorId, Namespace, SandboxId } from '../../model/ids.ts';
import type { Sandbox, SandboxStatus } from '../../model/sandbox.ts';

/** Where a sandbox is. */
export interface SandboxPlace {
  readonly executorId: ExecutorId;
  readonly sandboxId: SandboxId;
}

/**
 * Where a sandbox runs.
 * @throws SandglassError `sandbox_not_found`, `sandbox_not_running`.
 */
export async function findRunning(control: Pick<Control, 'getSandbox'>, ns: Namespace, id: SandboxId): Promise<SandboxPlace> {
  return placeIf(await control.getSandbox(ns, id), ['running']);
}

/**
 * Where the container of a sandbox is, also while its processes are frozen or it is being removed.
 * @throws SandglassError `sandbox_not_found`, `sandbox_not_running`.
 */
export async function findContainer(control: Pick<Control, 'getSandbox'>, ns: Namespace, id: SandboxId): Promise<SandboxPlace> {
  return placeIf(await control.getSandbox(ns, id), ['running', 'paused', 'stopping']);
}

function placeIf({ id, status, executorId }: Sandbox, wanted: readonly SandboxStatus[]): SandboxPlace {
  if (wanted.includes(status) && executorId !== undefined) return { executorId, sandboxId: id };
  throw new SandglassError('sandbox_not_running', `sandbox ${id} is ${status}: ${REMEDIES[status]}`, { details: { status } });
}

const REMEDIES: Readonly<Record<SandboxStatus, string>> = {
  pending: 'still starting; wait with GET …?wait=running',
  starting: 'still starting; wait with GET …?wait=running',
  running: 'no executor is recorded for it; try again',
  paused: 'resume it first, with POST …/resume',
  stopping: 'it has ended; create another, or restore a snapshot of it',
  terminated: 'it has ended; create another, or restore a snapshot of it',
};
