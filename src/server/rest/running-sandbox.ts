import type { Control } from '../../control/control.ts';
import { SandglassError } from '../../model/errors.ts';
import type { Namespace, SandboxId } from '../../model/ids.ts';
import type { Sandbox, SandboxStatus } from '../../model/sandbox.ts';
import type { GuestTarget } from '../guests/guest-clients.ts';

/** Where a sandbox runs. @throws SandglassError `sandbox_not_found`, `sandbox_not_running` with what to do about it. */
export async function runningSandbox(control: Pick<Control, 'getSandbox'>, ns: Namespace, id: SandboxId): Promise<GuestTarget> {
  return targetIf(['running'], await control.getSandbox(ns, id));
}

/** Where the container of a sandbox is, also while its processes are frozen or it is being removed. @throws SandglassError likewise. */
export async function sandboxContainer(control: Pick<Control, 'getSandbox'>, ns: Namespace, id: SandboxId): Promise<GuestTarget> {
  return targetIf(['running', 'paused', 'stopping'], await control.getSandbox(ns, id));
}

function targetIf(wanted: readonly SandboxStatus[], { id, namespace, status, executorId }: Sandbox): GuestTarget {
  if (wanted.includes(status) && executorId !== undefined) return { namespace, executorId, sandboxId: id };
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
