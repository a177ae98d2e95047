import { KeyedMutex } from '../lib/keyed-mutex.ts';
import { SandglassError } from '../model/errors.ts';
import type { ExecutorId, Namespace, SandboxId, SnapshotId } from '../model/ids.ts';
import { executorKey, sandboxKey, snapshotKey } from '../store/keys.ts';
import { executorRecord, sandboxRecord, snapshotRecord } from '../store/records.ts';
import { createSandbox, deleteSandbox, pauseSandbox, resumeSandbox, setSandboxTimeout } from './commands/sandboxes.ts';
import { createSnapshot, deleteSnapshot, forkSandbox, restoreSnapshot } from './commands/snapshots.ts';
import type { ControlContext } from './context.ts';
import type { Control } from './control.ts';
import { Controllers } from './controllers.ts';
import { ExecutorController } from './executor-controller.ts';
import type { ExecutorGateway } from './executor-gateway.ts';
import { listSandboxes, listSnapshots } from './queries/list.ts';
import { readSandbox, readSnapshot, sandboxNotFound, snapshotNotFound } from './queries/read.ts';
import { watchObject } from './queries/watch.ts';
import { readExecutors } from './scheduler.ts';
import { StoreExecutorGateway } from './store-executor-gateway.ts';

/** Commands and queries for whoever asks, the gateway for executors, and the controllers between them. */
export interface ControlPlane {
  readonly control: Control;
  readonly gateway: ExecutorGateway;
  /** Begins to act on what the store says. */
  start(): Promise<void>;
  /** Stops acting, and resolves when nothing is under way any more. The store is left to whoever opened it. */
  close(): Promise<void>;
}

/** `clusterId` is the store's. */
export function createControlPlane(ctx: ControlContext, clusterId: string): ControlPlane {
  const usage = new KeyedMutex<Namespace>();
  const executors = new ExecutorController(ctx, usage);
  const controllers = new Controllers(ctx, usage, executors);
  return {
    control: createControl(ctx, usage, executors),
    gateway: new StoreExecutorGateway({ ctx, clusterId, usage, executors }),
    start: () => controllers.start(),
    close: () => controllers.close(),
  };
}

function createControl(ctx: ControlContext, usage: KeyedMutex<Namespace>, executors: ExecutorController): Control {
  const { store } = ctx;
  return {
    createSandbox: (ns, request) => createSandbox(ctx, ns, request),
    getSandbox: (ns, id) => readSandbox(store, ns, id),
    listSandboxes: (ns, filter, page) => listSandboxes(store, ns, filter, page),
    deleteSandbox: (ns, id) => deleteSandbox(ctx, ns, id),
    pauseSandbox: (ns, id) => pauseSandbox(ctx, ns, id),
    resumeSandbox: (ns, id, request) => resumeSandbox(ctx, ns, id, request),
    setSandboxTimeout: (ns, id, timeoutSecs) => setSandboxTimeout(ctx, ns, id, timeoutSecs),
    forkSandbox: (ns, id, request) => forkSandbox(ctx, usage, ns, id, request),

    createSnapshot: (ns, sandboxId, request) => createSnapshot(ctx, usage, ns, sandboxId, request),
    getSnapshot: (ns, id) => readSnapshot(store, ns, id),
    listSnapshots: (ns, filter, page) => listSnapshots(store, ns, filter, page),
    deleteSnapshot: (ns, id) => deleteSnapshot(ctx, usage, ns, id),
    restoreSnapshot: (ns, id, request) => restoreSnapshot(ctx, ns, id, request),

    listExecutors: () => readExecutors(store),
    async getExecutor(id) {
      const entry = await store.get(executorKey(id));
      if (entry === undefined) throw executorNotFound(id);
      return executorRecord.decode(entry.value);
    },
    async setCordoned(id, cordoned) {
      const executor = await executors.setCordoned(id, cordoned);
      if (executor === undefined) throw executorNotFound(id);
      return executor;
    },

    watchSandbox: (ns, id, signal) => watchSandbox(ctx, ns, id, signal),
    watchSnapshot: (ns, id, signal) => watchSnapshot(ctx, ns, id, signal),
  };
}

async function* watchSandbox({ store }: ControlContext, ns: Namespace, id: SandboxId, signal: AbortSignal) {
  const observed = watchObject(store, sandboxKey(ns, id), sandboxRecord, () => sandboxNotFound(id), signal);
  for await (const { object } of observed) yield object;
}

async function* watchSnapshot({ store }: ControlContext, ns: Namespace, id: SnapshotId, signal: AbortSignal) {
  const observed = watchObject(store, snapshotKey(ns, id), snapshotRecord, () => snapshotNotFound(id), signal);
  for await (const { object: snapshot, revision } of observed) yield { snapshot, revision };
}

function executorNotFound(id: ExecutorId): SandglassError {
  return new SandglassError('executor_not_found', `no executor ${id}; GET /v1/executors lists them`);
}
