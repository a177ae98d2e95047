import { type CallOptions, type WaitOptions, withTimeout } from './call-options.ts';
import { readExecEvents } from './exec-stream.ts';
import { readLogEvents } from './log-stream.ts';
import { PagedList } from './paged-list.ts';
import { path, query } from './paths.ts';
import { sleep } from './retry.ts';
import type { LogLine, SandboxMetrics } from './telemetry-types.ts';
import type { Repeatable, Transport } from './transport.ts';
import type {
  CreateSandboxParams,
  ExecEvent,
  ExecParams,
  ExecResult,
  ForkAnswer,
  ForkParams,
  Sandbox,
  SandboxFilter,
  SandboxRef,
  SandboxWaitStatus,
} from './types.ts';

/** Seconds that one request of a wait blocks: shorter than the idle timeouts of usual proxies. */
const WAIT_SLICE_SECS = 25;
/** The same, for a caller that wants to see the progress. */
const PROGRESS_SLICE_SECS = 1;
/** Should something on the way answer without waiting, this keeps the loop from spinning. */
const BETWEEN_SLICES_MS = 100;

export interface SandboxWaitOptions extends WaitOptions {
  /** Called about every second with the sandbox as it is, while it is not there yet. */
  readonly onProgress?: ((sandbox: Sandbox) => void) | undefined;
}

export interface CreateOptions extends SandboxWaitOptions {
  /** True: resolves once a command can run in it, and throws what kept it from starting. */
  readonly wait?: boolean;
}

export interface ResumeOptions extends CallOptions {
  /** Seconds that it runs from then on; 0 for no end; as configured when absent. */
  readonly timeoutSecs?: number | undefined;
}

export interface LogsOptions extends CallOptions {
  readonly follow?: boolean | undefined;
  /** Only the last so many lines of what there is. */
  readonly tail?: number | undefined;
  /** Only what was printed at or after this time; epoch milliseconds. */
  readonly since?: number | undefined;
}

export interface ListOptions extends CallOptions {
  /** Objects fetched at a time: 1–1000, 100 when absent. */
  readonly pageSize?: number;
}

/** The sandboxes of one namespace. */
export class Sandboxes {
  readonly #transport: Transport;
  readonly #namespace: string;

  constructor(transport: Transport, namespace: string) {
    this.#transport = transport;
    this.#namespace = namespace;
  }

  /**
   * Creates a sandbox. Without `wait` it answers at once, with the status `pending`.
   * @throws SandglassError `snapshot_not_active`, `invalid_image` …; with `wait`, like `waitUntilRunning`.
   */
  create(params: CreateSandboxParams, options: CreateOptions & { readonly wait: true }): Promise<Sandbox>;
  create(params?: CreateSandboxParams, options?: CreateOptions): Promise<SandboxRef>;
  async create(params: CreateSandboxParams = {}, options: CreateOptions = {}): Promise<SandboxRef> {
    const created = await this.#post<SandboxRef>(path`/sandboxes`, params, options);
    return options.wait === true ? this.waitUntilRunning(created.sandbox_id, options) : created;
  }

  /** @throws SandglassError `sandbox_not_found`. */
  async get(sandboxId: string, { signal }: CallOptions = {}): Promise<Sandbox> {
    return (await this.#get<Sandbox>(sandboxId, undefined, signal)).body;
  }

  /** Newest first; ended ones are listed too, for as long as the server keeps their record. */
  list(filter: SandboxFilter = {}, { signal, pageSize }: ListOptions = {}): PagedList<Sandbox> {
    return new PagedList(async (cursor) => {
      const { body } = await this.#transport.json<{ sandboxes: readonly Sandbox[]; next_cursor?: string }>({
        method: 'GET',
        path: this.#path(path`/sandboxes`),
        query: query({ ...filter, limit: pageSize, cursor }),
        repeatable: 'safe',
        signal,
      });
      return { items: body.sandboxes, next_cursor: body.next_cursor };
    });
  }

  /** Ends it. Answers with it as it is then, usually `stopping`. Repeated: the same. @throws SandglassError `sandbox_not_found`. */
  async delete(sandboxId: string, { signal }: CallOptions = {}): Promise<Sandbox> {
    const call = { method: 'DELETE', path: this.#path(path`/sandboxes/${sandboxId}`), repeatable: 'safe', signal } as const;
    return (await this.#transport.json<Sandbox>(call)).body;
  }

  /** Freezes its processes. @throws SandglassError `sandbox_not_found`, `sandbox_not_running`. */
  pause(sandboxId: string, options: CallOptions = {}): Promise<Sandbox> {
    return this.#post(path`/sandboxes/${sandboxId}/pause`, undefined, options);
  }

  /** Thaws its processes. @throws SandglassError `sandbox_not_found`, `sandbox_not_running`. */
  resume(sandboxId: string, { timeoutSecs, ...options }: ResumeOptions = {}): Promise<Sandbox> {
    const params = timeoutSecs === undefined ? undefined : { timeout_secs: timeoutSecs };
    return this.#post(path`/sandboxes/${sandboxId}/resume`, params, options);
  }

  /**
   * Lets it end, or whatever its `on_timeout` says, so many seconds from now; 0 for no end.
   * @throws SandglassError `sandbox_not_found`, `sandbox_not_running`.
   */
  setTimeout(sandboxId: string, timeoutSecs: number, { signal }: CallOptions = {}): Promise<Sandbox> {
    // Repeated, it would count from later on, which is what was asked for.
    return this.#post(path`/sandboxes/${sandboxId}/timeout`, { timeout_secs: timeoutSecs }, { signal }, 'safe');
  }

  /**
   * What its main process has printed, oldest line first; with `follow`, also what it prints from now on, until the sandbox ends.
   * @throws SandglassError `sandbox_not_found`, `sandbox_not_running`; `stream_ended` when the connection broke.
   */
  async *logs(sandboxId: string, { follow, tail, since, signal }: LogsOptions = {}): AsyncGenerator<LogLine, void> {
    const call = {
      method: 'GET',
      path: this.#path(path`/sandboxes/${sandboxId}/logs`),
      query: query({ follow: follow || undefined, tail, since }),
      repeatable: 'safe',
      signal,
    } as const;
    if (follow) yield* readLogEvents(await this.#transport.stream(call), signal);
    else yield* (await this.#transport.json<{ logs: readonly LogLine[] }>(call)).body.logs;
  }

  /** What it uses at the moment. @throws SandglassError `sandbox_not_found`, `sandbox_not_running`. */
  async metrics(sandboxId: string, { signal }: CallOptions = {}): Promise<SandboxMetrics> {
    const call = { method: 'GET', path: this.#path(path`/sandboxes/${sandboxId}/metrics`), repeatable: 'safe', signal } as const;
    return (await this.#transport.json<SandboxMetrics>(call)).body;
  }

  /** New sandboxes that go on from where this one is: a short-lived snapshot, restored `count` times. */
  fork(sandboxId: string, params: ForkParams = {}, options: CallOptions = {}): Promise<ForkAnswer> {
    return this.#post(path`/sandboxes/${sandboxId}/fork`, params, options);
  }

  /**
   * Runs a command to its end and returns what it printed. Never repeated by itself: it could run twice.
   * @throws SandglassError `sandbox_not_running`, `command_not_found`, `exec_timeout` …; an exit code other than 0 is no error.
   */
  exec(sandboxId: string, params: ExecParams, options: CallOptions = {}): Promise<ExecResult> {
    return this.#post(path`/sandboxes/${sandboxId}/exec`, params, options, 'never');
  }

  /**
   * Runs a command and yields what it prints as it prints it, then its exit. Leaving the loop early, or aborting, kills the
   * command. @throws SandglassError like `exec`; `stream_ended` when the connection broke.
   */
  async *execStream(sandboxId: string, params: ExecParams, { signal }: CallOptions = {}): AsyncGenerator<ExecEvent, void> {
    const body = await this.#transport.stream({
      method: 'POST',
      path: this.#path(path`/sandboxes/${sandboxId}/exec`),
      body: params,
      repeatable: 'never',
      signal,
    });
    yield* readExecEvents(body, signal);
  }

  /**
   * Resolves once a command can run in it.
   * @throws SandglassError what kept it from starting (`image_not_found`, `sandbox_failed` …), with the sandbox in `details`;
   * `wait_timed_out` after `timeoutMs`.
   */
  waitUntilRunning(sandboxId: string, options: SandboxWaitOptions = {}): Promise<Sandbox> {
    return this.waitUntil(sandboxId, 'running', options);
  }

  /** Resolves once it has the given status. @throws SandglassError when it can't get there any more; `wait_timed_out` after `timeoutMs`. */
  waitUntil(sandboxId: string, status: SandboxWaitStatus, { onProgress, ...options }: SandboxWaitOptions = {}): Promise<Sandbox> {
    const slice = query({ wait: status, timeout_secs: onProgress === undefined ? WAIT_SLICE_SECS : PROGRESS_SLICE_SECS });
    return withTimeout(options, `sandbox ${sandboxId} is not ${status} after ${options.timeoutMs} ms`, async (signal) => {
      for (;;) {
        const answer = await this.#get<Sandbox>(sandboxId, slice, signal);
        if (answer.status === 200) return answer.body;
        onProgress?.(answer.body);
        await sleep(BETWEEN_SLICES_MS, signal);
      }
    });
  }

  #get<T>(sandboxId: string, parameters: URLSearchParams | undefined, signal: AbortSignal | undefined) {
    return this.#transport.json<T>({
      method: 'GET',
      path: this.#path(path`/sandboxes/${sandboxId}`),
      query: parameters,
      repeatable: 'safe',
      signal,
    });
  }

  async #post<T>(to: string, body: unknown, { signal }: CallOptions, repeatable: Repeatable = 'keyed'): Promise<T> {
    return (await this.#transport.json<T>({ method: 'POST', path: this.#path(to), body, repeatable, signal })).body;
  }

  #path(rest: string): string {
    return path`/v1/namespaces/${this.#namespace}` + rest;
  }
}
