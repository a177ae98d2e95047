import fc from 'fast-check';
import type { PendingOperation } from '../../src/model/operation.ts';
import { changed, type Outcome } from '../../src/model/transition.ts';
import { ATTEMPT_MS, FAILED_RETENTION_SECS, TTL_SECS, type World } from './lifecycle-world.ts';
import { cellOf } from './state-transition-table.ts';

/** What an event did to an object. The creation of an object has no event. */
export interface Step<T, E> {
  readonly before: T;
  readonly event: E | undefined;
  readonly outcome: Outcome<T>;
}

/** What holds after every step, by the name that it has in `docs/spec/`. */
export type Invariants<T, E> = Readonly<Record<string, (step: Step<T, E>) => boolean>>;

/** An invariant of objects, whatever happened to them. */
export function always<T>(holds: (object: T) => boolean): (step: Step<T, unknown>) => boolean {
  return ({ outcome }) => outcome.kind !== 'changed' || holds(outcome.next);
}

/** An invariant of changes. */
export function onChange<T, E>(holds: (before: T, after: T, event: E) => boolean): (step: Step<T, E>) => boolean {
  return ({ before, event, outcome }) => outcome.kind !== 'changed' || event === undefined || holds(before, outcome.next, event);
}

/** One lifecycle, as a walk needs it. */
export interface Lifecycle<T, E extends { readonly type: string }> {
  readonly transition: (object: T, event: E) => Outcome<T>;
  /** Everything that can happen, by type. */
  readonly events: (object: T, world: World) => Readonly<Record<E['type'], () => readonly E[]>>;
  readonly invariants: Invariants<T, E>;
}

/** One choice of a walk: how long nothing happens, then what does. */
interface Choice {
  readonly waitMs: number;
  readonly type: number;
  readonly variant: number;
}

const WAITS = [0, 0, 0, 1, 1_000, ATTEMPT_MS, TTL_SECS * 1000, FAILED_RETENTION_SECS * 1000];

/** Mostly what comes first among the variants of an event, which is what gets an object further. */
const VARIANT = fc.oneof({ weight: 3, arbitrary: fc.nat(2) }, { weight: 1, arbitrary: fc.nat(40) });

/** Walks over some of the events only: those that end everything at once do not cut every walk short. */
export function arbitraryWalk(typeCount: number) {
  const types = fc.subarray([...Array(typeCount).keys()], { minLength: 3 });
  return types.chain((some) =>
    fc.array(fc.record({ waitMs: fc.constantFrom(...WAITS), type: fc.constantFrom(...some), variant: VARIANT }), {
      maxLength: 60,
      size: 'max',
    }),
  );
}

/**
 * Lets the chosen events happen to `start` in `world` one after another, and checks every invariant after each.
 * @returns the cells of the table that the walk came through, as `status × event → outcome`.
 * @throws an error that names the invariant that does not hold, and the step.
 */
export function walk<T extends { readonly status: string }, E extends { readonly type: string }>(
  { transition, events, invariants }: Lifecycle<T, E>,
  start: T,
  world: World,
  choices: readonly Choice[],
): Set<string> {
  const seen = new Set<string>();
  let object = start;
  check(invariants, { before: start, event: undefined, outcome: changed(start) });
  for (const { waitMs, type, variant } of choices) {
    world.now += waitMs;
    const variants = (Object.values(events(object, world)) as (() => readonly E[])[])[type]?.() ?? [];
    const event = variants[variant % variants.length];
    if (event === undefined) continue;
    const outcome = transition(object, event);
    check(invariants, { before: object, event, outcome });
    seen.add(`${object.status} × ${event.type} → ${cellOf(outcome)}`);
    if (outcome.kind === 'gone') break;
    if (outcome.kind !== 'changed') continue;
    object = outcome.next;
    if ('operation' in event) world.issue(event.operation as PendingOperation);
  }
  return seen;
}

function check<T, E>(invariants: Invariants<T, E>, step: Step<T, E>): void {
  for (const [name, holds] of Object.entries(invariants)) {
    if (!holds(step)) throw new Error(`invariant ${name} does not hold after ${JSON.stringify(step, null, 2)}`);
  }
}
