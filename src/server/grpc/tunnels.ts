import { randomUUID } from 'node:crypto';
import type { Clock } from '../../lib/clock.ts';
import { SandglassError } from '../../model/errors.ts';
import type { ExecutorId } from '../../model/ids.ts';
import { openTunnelToProto, parseTunnelTarget, type TunnelTarget } from '../../rpc/tunnel-target.ts';
import type { ExecutorSessions } from './sessions.ts';
import { TunnelCall } from './tunnel-call.ts';

export interface TunnelsContext {
  readonly sessions: ExecutorSessions;
  readonly clock: Clock;
  /** Tunnels that may be open to one executor at one time. */
  readonly maxPerExecutor: number;
  /** How long an executor may take to open the call of a tunnel. */
  readonly openTimeoutMs: number;
}

/** The tunnels that are open to executors. Pairs each with the call that its executor makes for it. */
export class Tunnels {
  readonly #ctx: TunnelsContext;
  /** Asked for, and not opened yet, by id. Ids can't be guessed: they come from the system's random source. */
  readonly #asked = new Map<string, TunnelCall>();
  readonly #counts = new Map<ExecutorId, number>();

  constructor(ctx: TunnelsContext) {
    this.#ctx = ctx;
  }

  /** Asks the executor for a tunnel. @throws SandglassError `executor_unavailable`, `too_many_requests`, `invalid_request`. */
  open(executorId: ExecutorId, target: TunnelTarget): TunnelCall {
    const session = this.#ctx.sessions.find(executorId);
    if (session === undefined) {
      throw new SandglassError('executor_unavailable', `${executorId}, which the sandbox runs on, is not connected; try again`);
    }
    const count = this.#counts.get(executorId) ?? 0;
    if (count >= this.#ctx.maxPerExecutor) {
      throw new SandglassError('too_many_requests', `${count} connections to ${executorId} are open; try again when some have ended`);
    }

    const tunnelId = randomUUID();
    const openTunnel = openTunnelToProto(tunnelId, target);
    parseTunnelTarget(openTunnel); // what the executor would refuse is refused here
    const onSessionOver = () => call.fail(new SandglassError('executor_unavailable', `the connection to ${executorId} was lost`));
    const call = new TunnelCall(executorId, () => {
      session.over.removeEventListener('abort', onSessionOver);
      cancelTimeout();
      this.#asked.delete(tunnelId);
      this.#release(executorId);
    });
    const cancelTimeout = this.#ctx.clock.schedule(this.#ctx.openTimeoutMs, () => {
      if (!this.#asked.has(tunnelId)) return;
      call.fail(new SandglassError('executor_unavailable', `${executorId} did not open the connection in time; try again`));
    });
    this.#counts.set(executorId, count + 1);
    this.#asked.set(tunnelId, call);
    session.over.addEventListener('abort', onSessionOver, { once: true });
    session.send({ case: 'openTunnel', value: openTunnel });
    return call;
  }

  /** The tunnel that waits for its executor to open it, once. */
  take(tunnelId: string): TunnelCall | undefined {
    const call = this.#asked.get(tunnelId);
    this.#asked.delete(tunnelId);
    return call;
  }

  #release(executorId: ExecutorId): void {
    const left = (this.#counts.get(executorId) ?? 1) - 1;
    if (left > 0) this.#counts.set(executorId, left);
    else this.#counts.delete(executorId);
  }
}
