import type { Logger } from '../lib/logger.ts';
import { SandglassError } from '../model/errors.ts';
import type { OpenTunnel } from '../rpc/gen/sandglass/v1/executor_pb.js';
import { logLineToProto, metricsToProto } from '../rpc/telemetry.ts';
import { parseTunnelId, parseTunnelTarget, type TunnelTarget } from '../rpc/tunnel-target.ts';
import type { SandboxReach } from './sandbox-reach.ts';
import { TunnelCall, type TunnelCaller } from './tunnel-call.ts';

export interface TunnelsOptions {
  readonly reach: SandboxReach;
  readonly log: Logger;
  /** Calls that may be under way at one time; beyond them the server gets no answer, not even that there are too many. */
  readonly maxCalls: number;
}

/** The tunnels that the server asks for, each over a call of its own. */
export class Tunnels {
  readonly #options: TunnelsOptions;
  #calls = 0;

  constructor(options: TunnelsOptions) {
    this.#options = options;
  }

  /** Serves one tunnel to its end. Never rejects. */
  async serve(request: OpenTunnel, caller: TunnelCaller): Promise<void> {
    const { log, maxCalls } = this.#options;
    if (this.#calls >= maxCalls) {
      log.warn({ calls: this.#calls }, 'the server asks for more tunnels than it may have');
      return;
    }
    this.#calls += 1;
    try {
      await this.#serve(new TunnelCall(parseTunnelId(request.tunnelId), caller), request);
    } catch (error) {
      log.warn({ err: error }, 'a tunnel that the server asked for makes no sense');
    } finally {
      this.#calls -= 1;
    }
  }

  async #serve(call: TunnelCall, request: OpenTunnel): Promise<void> {
    try {
      await this.#fill(call, parseTunnelTarget(request));
      await call.finish();
    } catch (error) {
      if (call.signal.aborted) return;
      if (!(error instanceof SandglassError)) this.#options.log.error({ err: error }, 'a tunnel failed');
      await call.fail(error).catch(() => {}); // the server has gone meanwhile
    } finally {
      call.end();
    }
  }

  async #fill(call: TunnelCall, target: TunnelTarget): Promise<void> {
    const { reach } = this.#options;
    switch (target.kind) {
      case 'guest':
        return call.carry(await reach.connectGuest(target.sandboxId, call.signal));
      case 'metrics':
        await call.send({ case: 'metrics', value: metricsToProto(await reach.metrics(target.sandboxId, call.signal)) });
        return;
      case 'logs':
        for await (const line of reach.logs(target.request, call.signal)) {
          for (const value of logLineToProto(line)) {
            if (!(await call.send({ case: 'logLine', value }))) return;
          }
        }
        await call.send({ case: 'end', value: {} });
    }
  }
}
