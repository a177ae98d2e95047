import type { Duplex } from 'node:stream';
import type { ExecutorId, SandboxId } from '../model/ids.ts';
import type { LogLine, LogsRequest, SandboxMetrics } from '../model/telemetry.ts';

/**
 * How the server reaches into sandboxes, wherever they run. There is one link for each way: the short one to an executor in this
 * process, and one over the connection that an executor on another host has opened.
 *
 * All methods throw SandglassError `executor_unavailable` when the executor is not connected, `sandbox_not_running`, and
 * `too_many_requests` when the executor has too many connections open.
 */
export interface SandboxLink {
  /**
   * A new connection to the sandbox's guest, on which the caller speaks HTTP/1.1; see `Driver.connectGuest`. What comes over it is
   * hostile until checked. Writing to it waits when the guest does not read, and the other way round.
   * @throws SandglassError `guest_unavailable`.
   */
  connectGuest(executorId: ExecutorId, sandboxId: SandboxId, signal: AbortSignal): Promise<Duplex>;

  /** The log of the sandbox's main process, oldest line first; see `Driver.logs`. */
  logs(executorId: ExecutorId, request: LogsRequest, signal: AbortSignal): AsyncIterable<LogLine>;

  /** What the sandbox uses; see `Driver.metrics`. */
  metrics(executorId: ExecutorId, sandboxId: SandboxId, signal: AbortSignal): Promise<SandboxMetrics>;
}
