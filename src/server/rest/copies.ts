import type { RestoreAnswer } from '../../control/requests.ts';
import { type Namespace, parseId } from '../../model/ids.ts';
import type { Answer } from './idempotency.ts';
import { presentAccepted, presentSandbox } from './present-sandbox.ts';
import type { RestContext } from './rest-context.ts';
import { awaitSandbox, type WaitQuery } from './wait.ts';

/** Sandboxes that are made from a snapshot: what restore and fork answer. */

type Accepted = ReturnType<typeof presentAccepted>;

/** At least one of the two: `sandbox_id` and `status` of the only one, or `sandboxes` with `count`. */
export interface CopiesBody extends Partial<Accepted> {
  readonly sandboxes?: readonly Accepted[];
}

/** What a restore answers at once. */
export function presentRestored({ sandboxes, restoredFromSnapshot, ttlExpired }: RestoreAnswer, hasCount: boolean) {
  const accepted = sandboxes.map(presentAccepted);
  const copies: CopiesBody = hasCount ? { sandboxes: accepted } : { ...accepted[0] };
  return { ...copies, restored_from_snapshot: restoredFromSnapshot, ttl_expired: ttlExpired };
}

/** Waits for every sandbox of `accepted`: 200 once all of them are there, 202 when the time is up before. */
export async function awaitCopies<B extends CopiesBody>(
  rest: RestContext,
  ns: Namespace,
  accepted: B,
  query: WaitQuery,
  signal: AbortSignal,
): Promise<Answer<B>> {
  const wait = (id: string) => awaitSandbox(rest, ns, parseId('sandbox', id), query, signal);
  if (accepted.sandbox_id !== undefined) {
    const { status, sandbox } = await wait(accepted.sandbox_id);
    return { status, body: { ...accepted, ...presentSandbox(sandbox) } };
  }
  const waited = await Promise.all((accepted.sandboxes ?? []).map(({ sandbox_id }) => wait(sandbox_id)));
  return {
    status: waited.every(({ status }) => status === 200) ? 200 : 202,
    body: { ...accepted, sandboxes: waited.map(({ sandbox }) => presentAccepted(sandbox)) },
  };
}
