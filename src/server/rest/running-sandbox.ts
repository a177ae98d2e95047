import type { Control } from '../../control/control.ts';
import { SandglassError } from '../../model/errors.ts';
import type { Namespace, SandboxId } from '../../model/ids.ts';
import type { Sandbox } from '../../model/sandbox.ts';
import type { GuestTarget } from '../guests/guest-clients.ts';

/** Where a sandbox runs. @throws SandglassError `sandbox_not_found`, `sandbox_not_running` with what to do about it. */
export async function runningSandbox(
  control: Pick<Control, 'getSandbox'>,
  namespace: Namespace,
  sandboxId: SandboxId,
): Promise<GuestTarget> {
  const { status, executorId } = await control.getSandbox(namespace, sandboxId);
  if (status === 'running' && executorId !== undefined) return { namespace, executorId, sandboxId };
  throw new SandglassError('sandbox_not_running', `sandbox ${sandboxId} is ${status}: ${REMEDIES[status]}`, { details: { status } });
}

const REMEDIES: Readonly<Record<Sandbox['status'], string>> = {
  pending: 'still starting; wait with GET …?wait=running',
  starting: 'still starting; wait with GET …?wait=running',
  running: 'no executor is recorded for it; try again',
  paused: 'resume it first, with POST …/resume',
  stopping: 'it has ended; create another, or restore a snapshot of it',
  terminated: 'it has ended; create another, or restore a snapshot of it',
};
