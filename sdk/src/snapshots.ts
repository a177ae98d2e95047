import { type CallOptions, type WaitOptions, withTimeout } from './call-options.ts';
import { PagedList } from './paged-list.ts';
import { path, query } from './paths.ts';
import type { ListOptions } from './sandboxes.ts';
import { followSnapshot } from './snapshot-events.ts';
import { awaitActive, awaitGone } from './snapshot-wait.ts';
import type { Transport } from './transport.ts';
import type {
  CreateSnapshotParams,
  RestoredSandbox,
  RestoredSandboxes,
  RestoreParams,
  Snapshot,
  SnapshotEvent,
  SnapshotFilter,
  SnapshotRef,
} from './types.ts';

export interface ActiveOptions extends WaitOptions {
  /** Called with the snapshot at the start and at every change of its status or progress. */
  readonly onProgress?: ((snapshot: Snapshot) => void) | undefined;
}

/** The snapshots of one namespace. */
export class Snapshots {
  readonly #transport: Transport;
  readonly #namespace: string;

  constructor(transport: Transport, namespace: string) {
    this.#transport = transport;
    this.#namespace = namespace;
  }

  /**
   * Captures a running sandbox, which goes on running. Answers at once, with the status `creating`: see `waitUntilActive`.
   * @throws SandglassError `sandbox_not_found`, `sandbox_not_running`, `snapshot_quota_exceeded`.
   */
  create(sandboxId: string, params: CreateSnapshotParams = {}, options: CallOptions = {}): Promise<SnapshotRef> {
    return this.#post(path`/sandboxes/${sandboxId}/snapshots`, params, options);
  }

  /** @throws SandglassError `snapshot_not_found`. */
  async get(snapshotId: string, { signal }: CallOptions = {}): Promise<Snapshot> {
    const call = { method: 'GET', path: this.#path(path`/snapshots/${snapshotId}`), repeatable: 'safe', signal } as const;
    return (await this.#transport.json<Snapshot>(call)).body;
  }

  /** Newest first. */
  list(filter: SnapshotFilter = {}, { signal, pageSize }: ListOptions = {}): PagedList<Snapshot> {
    return new PagedList(async (cursor) => {
      const { body } = await this.#transport.json<{ snapshots: readonly Snapshot[]; next_cursor?: string }>({
        method: 'GET',
        path: this.#path(path`/snapshots`),
        query: query({ ...filter, limit: pageSize, cursor }),
        repeatable: 'safe',
        signal,
      });
      return { items: body.snapshots, next_cursor: body.next_cursor };
    });
  }

  /** Removes it and its image. Answers with the status `deleting`. Repeated: the same. @throws SandglassError `snapshot_not_found`, `snapshot_in_use`. */
  async delete(snapshotId: string, { signal }: CallOptions = {}): Promise<Snapshot> {
    const call = { method: 'DELETE', path: this.#path(path`/snapshots/${snapshotId}`), repeatable: 'safe', signal } as const;
    return (await this.#transport.json<Snapshot>(call)).body;
  }

  /**
   * New sandboxes from a snapshot: one, or `count` of them. Answers at once, with the status `pending`.
   * @throws SandglassError `snapshot_not_found`, `snapshot_not_active`, `snapshot_unavailable`.
   */
  restore(snapshotId: string, params: RestoreParams & { readonly count: number }, options?: CallOptions): Promise<RestoredSandboxes>;
  restore(snapshotId: string, params?: RestoreParams, options?: CallOptions): Promise<RestoredSandbox>;
  restore(snapshotId: string, params: RestoreParams = {}, options: CallOptions = {}): Promise<RestoredSandbox | RestoredSandboxes> {
    return this.#post(path`/snapshots/${snapshotId}/restore`, params, options);
  }

  /**
   * The snapshot now, and every change of its status and progress, across lost connections. Ends after `active`, `failed`
   * or `gone`. @throws SandglassError `snapshot_not_found`; `stream_unavailable` where no events come through.
   */
  events(snapshotId: string, { signal }: CallOptions = {}): AsyncGenerator<SnapshotEvent, void> {
    return followSnapshot(this.#transport, this.#path(path`/snapshots/${snapshotId}/events`), signal);
  }

  /**
   * Resolves once it can be restored.
   * @throws SandglassError the snapshot's own error when it failed, with the snapshot in `details`; `snapshot_not_found` when
   * it was removed meanwhile; `wait_timed_out` after `timeoutMs`.
   */
  waitUntilActive(snapshotId: string, options: ActiveOptions = {}): Promise<Snapshot> {
    return withTimeout(options, `snapshot ${snapshotId} is not active after ${options.timeoutMs} ms`, (signal) =>
      awaitActive(this, snapshotId, options.onProgress, signal),
    );
  }

  /** Resolves once it and its image are removed. @throws SandglassError `wait_timed_out` after `timeoutMs`. */
  waitUntilGone(snapshotId: string, options: WaitOptions = {}): Promise<void> {
    return withTimeout(options, `snapshot ${snapshotId} is still there after ${options.timeoutMs} ms`, (signal) =>
      awaitGone(this, snapshotId, signal),
    );
  }

  async #post<T>(to: string, body: unknown, { signal }: CallOptions): Promise<T> {
    return (await this.#transport.json<T>({ method: 'POST', path: this.#path(to), body, repeatable: 'keyed', signal })).body;
  }

  #path(rest: string): string {
    return path`/v1/namespaces/${this.#namespace}` + rest;
  }
}
