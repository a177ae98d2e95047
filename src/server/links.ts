import type { Duplex } from 'node:stream';
import type { ExecutorId, SandboxId } from '../model/ids.ts';
import type { LogLine, LogsRequest, SandboxMetrics } from '../model/telemetry.ts';
import type { SandboxLink } from './sandbox-link.ts';

/** The way into the sandboxes of one executor, as the executor in this process offers it. */
export interface LocalLink {
  connectGuest(sandboxId: SandboxId, signal: AbortSignal): Promise<Duplex>;
  logs(request: LogsRequest, signal: AbortSignal): AsyncIterable<LogLine>;
  metrics(sandboxId: SandboxId, signal: AbortSignal): Promise<SandboxMetrics>;
}

/** Chooses the way into a sandbox: the short one when its executor is in this process, else over its connection. */
export class SandboxLinks implements SandboxLink {
  readonly #remote: SandboxLink;
  readonly #local = new Map<ExecutorId, LocalLink>();

  constructor(remote: SandboxLink) {
    this.#remote = remote;
  }

  /** Makes the short way to an executor in this process known, for as long as the process lasts. */
  addLocal(executorId: ExecutorId, link: LocalLink): void {
    this.#local.set(executorId, link);
  }

  async connectGuest(executorId: ExecutorId, sandboxId: SandboxId, signal: AbortSignal): Promise<Duplex> {
    const local = this.#local.get(executorId);
    return local === undefined ? this.#remote.connectGuest(executorId, sandboxId, signal) : local.connectGuest(sandboxId, signal);
  }

  logs(executorId: ExecutorId, request: LogsRequest, signal: AbortSignal): AsyncIterable<LogLine> {
    const local = this.#local.get(executorId);
    return local === undefined ? this.#remote.logs(executorId, request, signal) : local.logs(request, signal);
  }

  async metrics(executorId: ExecutorId, sandboxId: SandboxId, signal: AbortSignal): Promise<SandboxMetrics> {
    const local = this.#local.get(executorId);
    return local === undefined ? this.#remote.metrics(executorId, sandboxId, signal) : local.metrics(sandboxId, signal);
  }
}
