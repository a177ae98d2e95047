import type { Executor } from '../model/executor.ts';
import type { ExecutorId, SandboxId } from '../model/ids.ts';
import { type Candidate, type Placement, type PlacementRequest, place } from '../model/placement.ts';
import type { Sandbox } from '../model/sandbox.ts';
import { executorKey, executorPrefix, executorSandboxIndex, idAndNamespace, sandboxKey } from '../store/keys.ts';
import { executorRecord, sandboxRecord } from '../store/records.ts';
import type { Store } from '../store/store.ts';

/** More executors than one control plane is made for. */
const MAX_EXECUTORS = 10_000;
/** More sandboxes than one executor's capacity allows. */
const MAX_SANDBOXES = 100_000;

/** Chooses an executor for a sandbox from what the store says now. The caller lets nobody else place until it has committed. */
export async function schedule(store: Store, request: PlacementRequest): Promise<Placement> {
  const executors = await readExecutors(store);
  return place(request, await Promise.all(executors.map((executor) => candidate(store, executor))));
}

/** Every executor that ever connected, by id. */
export async function readExecutors(store: Store): Promise<Executor[]> {
  const entries = await store.scan({ prefix: executorPrefix, limit: MAX_EXECUTORS });
  return entries.map(({ value }) => executorRecord.decode(value));
}

/** True when the executor counts as gone for good; also when there is no such executor. */
export async function isLost(store: Store, executorId: ExecutorId): Promise<boolean> {
  const entry = await store.get(executorKey(executorId));
  return entry === undefined || executorRecord.decode(entry.value).status === 'lost';
}

async function candidate(store: Store, executor: Executor): Promise<Candidate> {
  const used = { cpus: 0, memoryMb: 0, sandboxes: 0 };
  for (const { spec } of await sandboxesOn(store, executor.id)) {
    used.cpus += spec.resources.cpus;
    used.memoryMb += spec.resources.memoryMb;
    used.sandboxes += 1;
  }
  return { executor, used };
}

/** The sandboxes that occupy an executor. */
export async function sandboxesOn(store: Store, executorId: ExecutorId): Promise<Sandbox[]> {
  const entries = await store.scan({ prefix: executorSandboxIndex(executorId), limit: MAX_SANDBOXES, keysOnly: true });
  const refs = entries.map(({ key }) => idAndNamespace(key));
  const records = await store.getMany(refs.map(({ namespace, id }) => sandboxKey(namespace, id as SandboxId)));
  return records.flatMap((entry) => (entry === undefined ? [] : [sandboxRecord.decode(entry.value)]));
}
