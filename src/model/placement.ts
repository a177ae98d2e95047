import type { Executor } from './executor.ts';
import type { ExecutorId } from './ids.ts';
import type { Resources, SandboxSpec } from './sandbox.ts';

/** An executor with what is promised of it already. */
export interface Candidate {
  readonly executor: Executor;
  readonly used: { readonly cpus: number; readonly memoryMb: number; readonly sandboxes: number };
}

/** What a sandbox needs of the executor that is to run it. */
export interface PlacementRequest {
  readonly spec: Pick<SandboxSpec, 'resources' | 'runtime'>;
  /** Executors that hold the image of its snapshot. */
  readonly holdsImage: readonly ExecutorId[];
  /** True when only those can run it: the snapshot is in no registry. */
  readonly onlyWhereImageIs: boolean;
  /** Executor of an earlier attempt, taken again when it still fits. */
  readonly preferred?: ExecutorId;
}

export type Placement = { readonly executorId: ExecutorId } | { readonly executorId: undefined; readonly why: string };

/**
 * Chooses an executor: first one that was chosen before, then one that holds the image, then the one with most free
 * memory, then the lowest id, so that the same question has the same answer. When none fits, `why` says what is missing.
 */
export function place(request: PlacementRequest, candidates: readonly Candidate[]): Placement {
  let remaining = candidates;
  for (const filter of FILTERS) {
    const passing = remaining.filter((candidate) => filter.fits(candidate, request));
    if (passing.length === 0) return { executorId: undefined, why: filter.why(request) };
    remaining = passing;
  }
  const [best] = remaining.toSorted((a, b) => compare(a, b, request));
  return best === undefined ? { executorId: undefined, why: 'no executor is connected' } : { executorId: best.executor.id };
}

/** True when the empty executor could take it: when not, waiting does not help. */
export function couldEverFit(resources: Resources, executor: Executor): boolean {
  const { capacity } = executor.info;
  return resources.cpus <= capacity.cpus && resources.memoryMb <= capacity.memoryMb;
}

/** What sums of fractions of a CPU may be off by. */
const ROUNDING = 1e-9;

interface Filter {
  fits(candidate: Candidate, request: PlacementRequest): boolean;
  why(request: PlacementRequest): string;
}

const FILTERS: readonly Filter[] = [
  {
    fits: ({ executor }) => executor.status === 'online',
    why: () => 'no executor is connected; start one with `sandglass executor`',
  },
  {
    fits: ({ executor }, { holdsImage, onlyWhereImageIs }) => !onlyWhereImageIs || holdsImage.includes(executor.id),
    why: ({ holdsImage }) => `the snapshot's image is only on ${holdsImage.join(', ') || 'no executor'}, which is not connected`,
  },
  {
    fits: ({ executor }) => !executor.cordoned,
    why: () => 'every executor that is connected is cordoned',
  },
  {
    fits: ({ executor }, { spec }) => spec.runtime === undefined || executor.info.runtimes.includes(spec.runtime),
    why: ({ spec }) => `no executor has the runtime ${spec.runtime}`,
  },
  {
    fits: ({ executor }, { spec }) => spec.resources.diskMb === undefined || executor.info.limitsDisk,
    why: () => 'no executor can limit disk space; leave out resources.disk_mb',
  },
  {
    fits: ({ executor, used }, { spec: { resources } }) => {
      const { capacity } = executor.info;
      return (
        used.cpus + resources.cpus <= capacity.cpus + ROUNDING &&
        used.memoryMb + resources.memoryMb <= capacity.memoryMb &&
        used.sandboxes + 1 <= capacity.maxSandboxes
      );
    },
    why: ({ spec: { resources } }) => `no executor has room for ${resources.cpus} CPUs and ${resources.memoryMb} MB`,
  },
];

function compare(a: Candidate, b: Candidate, request: PlacementRequest): number {
  const rank = ({ executor }: Candidate) => (executor.id === request.preferred ? 0 : request.holdsImage.includes(executor.id) ? 1 : 2);
  const free = ({ executor, used }: Candidate) => executor.info.capacity.memoryMb - used.memoryMb;
  return rank(a) - rank(b) || free(b) - free(a) || (a.executor.id < b.executor.id ? -1 : 1);
}
