import { type ExecutorId, type Ids, idFromHex, parseNamespace } from '../../src/model/ids.ts';
import type { AttemptRef, OperationKind, PendingOperation, RetryPolicy } from '../../src/model/operation.ts';
import type { Sandbox } from '../../src/model/sandbox.ts';
import type { Snapshot } from '../../src/model/snapshot.ts';

/** When the objects of these tests are created. */
export const T0 = 1_700_000_000_000;
export const RETRY: RetryPolicy = { maxAttempts: 3, backoff: { baseMs: 1_000, maxMs: 60_000 } };
export const FAILED_RETENTION_SECS = 86_400;
export const TTL_SECS = 3_600;
export const TIMEOUT_SECS = 1_800;
/** How long one attempt may take. */
export const ATTEMPT_MS = 60_000;
export const START_DEADLINE_MS = 600_000;

/** The id of its kind with number `n`. */
export function idOf<K extends keyof Ids>(kind: K, n: number): Ids[K] {
  return idFromHex(kind, n.toString(16).padStart(32, '0'));
}

/** The executor that everything is on at first. */
export const HERE: ExecutorId = idOf('executor', 1);
/** Another one. */
export const ELSEWHERE: ExecutorId = idOf('executor', 2);

export const NAMESPACE = parseNamespace('default');

/** A sandbox as it is when it has just been asked for. */
export function newSandbox(overrides: Partial<Sandbox> = {}): Sandbox {
  return {
    id: idOf('sandbox', 1),
    namespace: NAMESPACE,
    spec: {
      image: 'debian:12-slim',
      resources: { cpus: 0.5, memoryMb: 256 },
      env: { LANG: 'C.UTF-8' },
      secretNames: [],
      timeoutSecs: TIMEOUT_SECS,
      onTimeout: 'terminate',
      network: { allowInternetAccess: true },
      exposedPorts: [],
    },
    labels: { team: 'ops' },
    status: 'pending',
    createdAt: T0,
    startDeadlineAt: T0 + START_DEADLINE_MS,
    attempt: 0,
    ...overrides,
  };
}

/** A snapshot as it is when it has just been asked for. */
export function newSnapshot({ ttlSecs = TTL_SECS, ...overrides }: Partial<Snapshot> = {}): Snapshot {
  return {
    id: idOf('snapshot', 1),
    namespace: NAMESPACE,
    sandboxId: idOf('sandbox', 1),
    executorId: HERE,
    name: 'before-upgrade',
    labels: { team: 'ops' },
    status: 'creating',
    createdAt: T0,
    ttlSecs,
    ...(ttlSecs > 0 ? { expiresAt: T0 + ttlSecs * 1000 } : {}),
    imageRef: 'sandglass/snapshots:1',
    availableOn: [],
    inRegistry: false,
    sandboxConfig: newSandbox().spec,
    attempt: 0,
    ...overrides,
  };
}

/** Late reports come from the latest few attempts: older ones are no different. */
const REMEMBERED = 4;

/**
 * What goes on around an object: the time, and the instructions that were given for it, so that reports of old ones can
 * come in at any later time.
 */
export class World {
  now = T0;
  #proposed = 0;
  #issued: readonly AttemptRef[] = [];

  /** A new instruction, which nothing comes of unless it is given with `issue`. */
  propose(kind: OperationKind, attempt: number, executorId: ExecutorId = HERE): PendingOperation {
    this.#proposed++;
    return { operationId: idOf('operation', this.#proposed), kind, executorId, attempt, deadlineAt: this.now + ATTEMPT_MS };
  }

  issue<T extends AttemptRef>(operation: T): T {
    this.#issued = [operation, ...this.#issued].slice(0, REMEMBERED);
    return operation;
  }

  /** Attempts that a report can name: those that were issued, the latest first, their neighbours, and one that nobody issued. */
  refs(): AttemptRef[] {
    const refs = this.#issued.flatMap(({ operationId, attempt }) => [
      { operationId, attempt },
      { operationId, attempt: attempt + 1 },
    ]);
    return [...refs, { operationId: idOf('operation', 0xdead), attempt: 1 }];
  }
}
