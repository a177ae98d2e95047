import type { Duplex } from 'node:stream';
import type { Clock } from '../../lib/clock.ts';
import { SandglassError } from '../../model/errors.ts';
import type { ExecutorId, SandboxId } from '../../model/ids.ts';
import type { LogLine, LogsRequest, SandboxMetrics } from '../../model/telemetry.ts';
import { boundedBytes, malformed } from '../../rpc/checks.ts';
import { CHUNK_BYTES } from '../../rpc/limits.ts';
import { parseLogLine, parseMetrics } from '../../rpc/telemetry.ts';
import { type TunnelChannel, TunnelStream } from '../../rpc/tunnel-stream.ts';
import type { SandboxLink } from '../sandbox-link.ts';
import type { TunnelCall, TunnelMessage } from './tunnel-call.ts';
import type { Tunnels } from './tunnels.ts';

export interface TunnelLinkContext {
  readonly tunnels: Tunnels;
  readonly clock: Clock;
  /** How long the first answer in a tunnel may take: the guest of a sandbox that has just started may not be there yet. */
  readonly answerTimeoutMs: number;
}

/** Reaches into sandboxes over the connections that their executors have opened. */
export class TunnelLink implements SandboxLink {
  readonly #ctx: TunnelLinkContext;

  constructor(ctx: TunnelLinkContext) {
    this.#ctx = ctx;
  }

  async connectGuest(executorId: ExecutorId, sandboxId: SandboxId, signal: AbortSignal): Promise<Duplex> {
    signal.throwIfAborted();
    const call = this.#ctx.tunnels.open(executorId, { kind: 'guest', sandboxId });
    const first = await this.#firstAnswer(call, signal);
    if (first.case !== 'opened') throw refused(call, first);
    const stream = new TunnelStream(guestChannel(call));
    stream.on('error', () => {}); // without a listener the process would die of it
    call.onFailure((error) => stream.destroy(error));
    return stream;
  }

  async *logs(executorId: ExecutorId, request: LogsRequest, signal: AbortSignal): AsyncIterable<LogLine> {
    signal.throwIfAborted();
    const call = this.#ctx.tunnels.open(executorId, { kind: 'logs', request });
    const release = failOnAbort(call, signal);
    try {
      for (;;) {
        const message = await call.next();
        if (message.case === 'end') break;
        if (message.case !== 'logLine') throw refused(call, message);
        yield parseLogLine(message.value);
      }
      call.finish();
    } finally {
      release();
      call.fail(new SandglassError('operation_cancelled', 'nobody reads the log any more'));
    }
  }

  async metrics(executorId: ExecutorId, sandboxId: SandboxId, signal: AbortSignal): Promise<SandboxMetrics> {
    signal.throwIfAborted();
    const call = this.#ctx.tunnels.open(executorId, { kind: 'metrics', sandboxId });
    const answer = await this.#firstAnswer(call, signal);
    if (answer.case !== 'metrics') throw refused(call, answer);
    call.finish();
    return parseMetrics(answer.value);
  }

  /** `signal` and the time limit are for this answer only, not for what follows in the tunnel. */
  async #firstAnswer(call: TunnelCall, signal: AbortSignal): Promise<TunnelMessage> {
    const { clock, answerTimeoutMs } = this.#ctx;
    const release = failOnAbort(call, signal);
    const cancelTimeout = clock.schedule(answerTimeoutMs, () => {
      call.fail(new SandglassError('executor_unavailable', `the executor did not answer within ${answerTimeoutMs} ms; try again`));
    });
    try {
      return await call.next();
    } finally {
      cancelTimeout();
      release();
    }
  }
}

function guestChannel(call: TunnelCall): TunnelChannel {
  return {
    async receive() {
      const message = await call.next();
      if (message.case === 'end') return undefined;
      if (message.case !== 'chunk') throw refused(call, message);
      return boundedBytes('chunk', message.value, CHUNK_BYTES);
    },
    send: (bytes) => call.send({ case: 'chunk', value: bytes }),
    end: () => call.send({ case: 'end', value: {} }),
    close(complete) {
      if (complete) call.finish();
      else call.fail(new SandglassError('operation_cancelled', 'the connection to the sandbox was closed'));
    },
  };
}

/** Gives the tunnel up for a message that has no place in it. */
function refused(call: TunnelCall, message: TunnelMessage): SandglassError {
  const error = malformed('message', `is ${message.case}, which has no place here`);
  call.fail(error);
  return error;
}

/** @returns what ends it. */
function failOnAbort(call: TunnelCall, signal: AbortSignal): () => void {
  const onAbort = () => call.fail(signal.reason);
  if (signal.aborted) onAbort();
  signal.addEventListener('abort', onAbort, { once: true });
  return () => signal.removeEventListener('abort', onAbort);
}
