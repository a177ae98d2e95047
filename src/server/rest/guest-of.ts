import { parseId, parseNamespace } from '../../model/ids.ts';
import type { GuestClient } from '../guests/guest-client.ts';
import type { RestContext } from './rest-context.ts';
import { runningSandbox } from './running-sandbox.ts';

/** The guest of the sandbox that a path names. @throws SandglassError `sandbox_not_found`, `sandbox_not_running`. */
export async function guestOf(rest: RestContext, params: { namespace: string; sandbox_id: string }): Promise<GuestClient> {
  const target = await runningSandbox(rest.control, parseNamespace(params.namespace), parseId('sandbox', params.sandbox_id));
  return rest.guests.of(target);
}
