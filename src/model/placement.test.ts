import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { idOf } from '../../test/support/lifecycle-world.ts';
import type { Executor, ExecutorStatus } from './executor.ts';
import type { ExecutorId } from './ids.ts';
import { type Candidate, couldEverFit, type Placement, type PlacementRequest, place } from './placement.ts';

interface Host {
  readonly n: number;
  readonly status?: ExecutorStatus;
  readonly cordoned?: boolean;
  readonly runtimes?: readonly string[];
  readonly limitsDisk?: boolean;
  readonly cpus?: number;
  readonly memoryMb?: number;
  readonly maxSandboxes?: number;
  readonly used?: Partial<Candidate['used']>;
}

function executorOf({ n, status = 'online', cordoned = false, ...host }: Host): Executor {
  const { runtimes = ['runc'], limitsDisk = false, cpus = 8, memoryMb = 16_384, maxSandboxes = 100 } = host;
  const capacity = { cpus, memoryMb, maxSandboxes };
  const info = { hostname: `host-${n}`, version: '0.1.0', labels: {}, capacity, runtimes, engine: 'docker 20.10.24', limitsDisk };
  return { id: idOf('executor', n), info, status, cordoned, firstSeenAt: 0, statusChangedAt: 0 };
}

function candidateOf(host: Host): Candidate {
  return { executor: executorOf(host), used: { cpus: 0, memoryMb: 0, sandboxes: 0, ...host.used } };
}

function requestOf(overrides: Partial<PlacementRequest> = {}): PlacementRequest {
  return { spec: { resources: { cpus: 1, memoryMb: 512 } }, holdsImage: [], onlyWhereImageIs: false, ...overrides };
}

const chosen = (request: PlacementRequest, hosts: readonly Host[]) => place(request, hosts.map(candidateOf)).executorId;
const why = (request: PlacementRequest, hosts: readonly Host[]) => whyOf(place(request, hosts.map(candidateOf)));
const whyOf = (placement: Placement) => (placement.executorId === undefined ? placement.why : undefined);

const ONE = idOf('executor', 1);
const TWO = idOf('executor', 2);
const THREE = idOf('executor', 3);

describe('placement chooses', () => {
  it('the executor of an earlier attempt, before one that holds the image', () => {
    expect(chosen(requestOf({ preferred: TWO, holdsImage: [ONE] }), [{ n: 1 }, { n: 2 }])).toBe(TWO);
  });

  it('one that holds the image, before one with more free memory', () => {
    expect(chosen(requestOf({ holdsImage: [TWO] }), [{ n: 1, memoryMb: 99_999 }, { n: 2 }])).toBe(TWO);
  });

  it('the one with most free memory, not most memory', () => {
    const hosts = [
      { n: 1, memoryMb: 20_000, used: { memoryMb: 15_000 } },
      { n: 2, memoryMb: 10_000 },
    ];
    expect(chosen(requestOf(), hosts)).toBe(TWO);
  });

  it('the lowest id among equals, whatever their order', () => {
    expect(chosen(requestOf(), [{ n: 3 }, { n: 1 }, { n: 2 }])).toBe(ONE);
  });

  it('another one when the preferred one is full, cordoned or offline', () => {
    for (const unfit of [{ used: { sandboxes: 100 } }, { cordoned: true }, { status: 'offline' as const }]) {
      expect(chosen(requestOf({ preferred: ONE }), [{ n: 1, ...unfit }, { n: 2 }])).toBe(TWO);
    }
  });

  it('as many as there is room for, also where fractions of a CPU do not add up exactly', () => {
    const request = requestOf({ spec: { resources: { cpus: 0.1, memoryMb: 1 } } });
    const used = { cpus: 0, memoryMb: 0, sandboxes: 0 };
    for (; chosen(request, [{ n: 1, cpus: 2, used }]) === ONE; used.sandboxes++) used.cpus += 0.1;
    expect(used.sandboxes).toBe(20);
  });
});

describe('placement says what is missing:', () => {
  const cases: readonly [string, PlacementRequest, readonly Host[], string][] = [
    ['no executors', requestOf(), [], 'no executor is connected; start one with `sandglass executor`'],
    [
      'none online',
      requestOf(),
      [
        { n: 1, status: 'offline' },
        { n: 2, status: 'lost' },
      ],
      'no executor is connected; start one with `sandglass executor`',
    ],
    [
      'the image elsewhere',
      requestOf({ holdsImage: [ONE, TWO], onlyWhereImageIs: true }),
      [{ n: 1, status: 'offline' }, { n: 3 }],
      `the snapshot's image is only on ${ONE}, ${TWO}, which is not connected`,
    ],
    [
      'the image nowhere',
      requestOf({ onlyWhereImageIs: true }),
      [{ n: 1 }],
      "the snapshot's image is only on no executor, which is not connected",
    ],
    ['all cordoned', requestOf(), [{ n: 1, cordoned: true }], 'every executor that is connected is cordoned'],
    [
      'the runtime',
      requestOf({ spec: { resources: { cpus: 1, memoryMb: 1 }, runtime: 'runsc' } }),
      [{ n: 1 }],
      'no executor has the runtime runsc',
    ],
    [
      'disk limits',
      requestOf({ spec: { resources: { cpus: 1, memoryMb: 1, diskMb: 1 } } }),
      [{ n: 1 }],
      'no executor can limit disk space; leave out resources.disk_mb',
    ],
    ['CPUs', requestOf(), [{ n: 1, cpus: 0.5 }], 'no executor has room for 1 CPUs and 512 MB'],
    ['memory', requestOf(), [{ n: 1, memoryMb: 511 }], 'no executor has room for 1 CPUs and 512 MB'],
    ['a place', requestOf(), [{ n: 1, maxSandboxes: 1, used: { sandboxes: 1 } }], 'no executor has room for 1 CPUs and 512 MB'],
  ];
  for (const [name, request, hosts, message] of cases) it(name, () => expect(why(request, hosts)).toBe(message));
});

describe('whatever executors there are, placement', () => {
  const host = (n: number): fc.Arbitrary<Host> =>
    fc.record({
      n: fc.constant(n),
      status: fc.constantFrom<ExecutorStatus>('online', 'online', 'online', 'offline', 'lost'),
      cordoned: fc.constantFrom(false, false, true),
      runtimes: fc.constantFrom(['runc'], ['runc', 'runsc']),
      limitsDisk: fc.boolean(),
      cpus: fc.constantFrom(1, 2, 4, 8),
      memoryMb: fc.constantFrom(512, 1_024, 2_048, 4_096),
      maxSandboxes: fc.constantFrom(1, 2, 4),
      used: fc.record({
        cpus: fc.constantFrom(0, 0.5, 1, 3),
        memoryMb: fc.constantFrom(0, 128, 1_024),
        sandboxes: fc.constantFrom(0, 1, 2),
      }),
    });
  const hosts = fc
    .subarray([1, 2, 3, 4, 5], { minLength: 1 })
    .chain((some) => fc.tuple(...some.map(host)))
    .chain((all) => fc.shuffledSubarray(all, { minLength: all.length }));
  const ids = fc.subarray([ONE, TWO, THREE]);
  const request: fc.Arbitrary<PlacementRequest> = fc
    .record(
      {
        resources: fc.record(
          { cpus: fc.constantFrom(0.25, 1, 3), memoryMb: fc.constantFrom(128, 1_024), diskMb: fc.constant(1_024) },
          { requiredKeys: ['cpus', 'memoryMb'] },
        ),
        runtime: fc.constantFrom('runc', 'runsc'),
        holdsImage: ids,
        onlyWhereImageIs: fc.constantFrom(false, false, true),
        preferred: fc.constantFrom<ExecutorId>(ONE, TWO, THREE),
      },
      { requiredKeys: ['resources', 'holdsImage', 'onlyWhereImageIs'] },
    )
    .map(({ resources, runtime, ...rest }) => ({ spec: { resources, ...(runtime === undefined ? {} : { runtime }) }, ...rest }));

  /** Whether it can take it, said in another way than the code says it. */
  function fits({ executor, used }: Candidate, { spec, holdsImage, onlyWhereImageIs }: PlacementRequest): boolean {
    const { capacity, runtimes, limitsDisk } = executor.info;
    const left = [
      capacity.cpus - used.cpus - spec.resources.cpus,
      capacity.memoryMb - used.memoryMb - spec.resources.memoryMb,
      capacity.maxSandboxes - used.sandboxes - 1,
    ];
    if (Math.min(...left) < 0 || executor.status !== 'online' || executor.cordoned) return false;
    if (spec.runtime !== undefined && !runtimes.includes(spec.runtime)) return false;
    if (spec.resources.diskMb !== undefined && !limitsDisk) return false;
    return !onlyWhereImageIs || holdsImage.includes(executor.id);
  }

  const freeMemory = ({ executor, used }: Candidate) => executor.info.capacity.memoryMb - used.memoryMb;

  it('finds an executor exactly when one fits, the best of those, and says why when none does', () => {
    let placed = 0;
    fc.assert(
      fc.property(request, hosts, (wanted, given) => {
        const candidates = given.map(candidateOf);
        const fitting = candidates.filter((candidate) => fits(candidate, wanted));
        const placement = place(wanted, candidates);
        if (fitting.length === 0) {
          expect(whyOf(placement)).toMatch(/^.{10,}$/);
          return;
        }
        placed++;
        const best = fitting.find(({ executor }) => executor.id === placement.executorId);
        if (best === undefined) throw new Error(`placed on ${placement.executorId}, where it does not fit`);
        const isFit = (id: ExecutorId | undefined) => fitting.some(({ executor }) => executor.id === id);
        if (isFit(wanted.preferred)) expect(best.executor.id).toBe(wanted.preferred);
        else {
          const holders = fitting.filter(({ executor }) => wanted.holdsImage.includes(executor.id));
          const rivals = holders.length > 0 ? holders : fitting;
          expect(rivals).toContain(best);
          expect(freeMemory(best)).toBe(Math.max(...rivals.map(freeMemory)));
        }
      }),
      { numRuns: 5_000 },
    );
    expect(placed).toBeGreaterThan(200);
  });

  it('answers the same question in the same way, whatever the order of the executors', () => {
    fc.assert(
      fc.property(request, hosts, (wanted, given) => {
        const candidates = given.map(candidateOf);
        const sorted = candidates.toSorted((a, b) => (a.executor.id < b.executor.id ? -1 : 1));
        expect(place(wanted, candidates)).toEqual(place(wanted, sorted));
      }),
    );
  });
});

describe('couldEverFit', () => {
  it('compares with what the executor has in all, not with what is left', () => {
    const executor = executorOf({ n: 1, cpus: 2, memoryMb: 1_024 });
    expect(couldEverFit({ cpus: 2, memoryMb: 1_024 }, executor)).toBe(true);
    expect(couldEverFit({ cpus: 2.5, memoryMb: 1_024 }, executor)).toBe(false);
    expect(couldEverFit({ cpus: 2, memoryMb: 1_025 }, executor)).toBe(false);
  });
});
