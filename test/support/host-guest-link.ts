import type { Duplex } from 'node:stream';
import { SandglassError } from '../../src/model/errors.ts';
import type { ExecutorId, SandboxId } from '../../src/model/ids.ts';
import type { LogLine, LogsRequest, SandboxMetrics } from '../../src/model/telemetry.ts';
import type { SandboxLink } from '../../src/server/sandbox-link.ts';
import type { HostGuest } from './host-guest.ts';

/** Leads every sandbox to one guest on this host; logs and measurements are what a test says. */
export class HostGuestLink implements SandboxLink {
  /** Connections that have been handed out. */
  readonly connections: Duplex[] = [];
  /** What was asked for of logs, with the signal that ends it. */
  readonly logCalls: { readonly request: LogsRequest; readonly signal: AbortSignal }[] = [];
  guest: HostGuest | undefined;
  lines: (request: LogsRequest, signal: AbortSignal) => AsyncIterable<LogLine> = async function* () {};
  measured: SandboxMetrics | undefined;

  constructor(guest?: HostGuest) {
    this.guest = guest;
  }

  /** Connections that have been handed out and are still open. */
  get open(): number {
    return this.connections.filter((connection) => !connection.closed).length;
  }

  async connectGuest(_executorId: ExecutorId, sandboxId: SandboxId, signal: AbortSignal): Promise<Duplex> {
    signal.throwIfAborted();
    if (this.guest === undefined) throw new SandglassError('guest_unavailable', `the guest of ${sandboxId} does not answer`);
    const connection = await this.guest.connect();
    this.connections.push(connection);
    return connection;
  }

  logs(_executorId: ExecutorId, request: LogsRequest, signal: AbortSignal): AsyncIterable<LogLine> {
    this.logCalls.push({ request, signal });
    return this.lines(request, signal);
  }

  async metrics(_executorId: ExecutorId, sandboxId: SandboxId): Promise<SandboxMetrics> {
    if (this.measured === undefined) throw new SandglassError('sandbox_not_running', `sandbox ${sandboxId} has ended`);
    return this.measured;
  }
}
