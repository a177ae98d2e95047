import type { SandglassError } from './errors.ts';

/**
 * What an event does to an object.
 * - `changed`: the object as it is from now on, to be stored by compare-and-set.
 * - `gone`: the object ceases to exist.
 * - `ignored`: nothing changes, and nothing is wrong: the event is late, repeated or means nothing in this state.
 * - `refused`: the request can't be granted in this state; whoever made it gets the error.
 */
export type Outcome<T> =
  | { readonly kind: 'changed'; readonly next: T }
  | { readonly kind: 'gone' }
  | { readonly kind: 'ignored'; readonly because: IgnoredBecause }
  | { readonly kind: 'refused'; readonly error: SandglassError };

/** `stale`: it belongs to another attempt than the one waited for, or to an executor where the object is not. `no_effect`: this state has no use for it. */
export type IgnoredBecause = 'stale' | 'no_effect';

export const changed = <T>(next: T): Outcome<T> => ({ kind: 'changed', next });
export const gone: Outcome<never> = { kind: 'gone' };
export const stale: Outcome<never> = { kind: 'ignored', because: 'stale' };
export const noEffect: Outcome<never> = { kind: 'ignored', because: 'no_effect' };
export const refused = (error: SandglassError): Outcome<never> => ({ kind: 'refused', error });

/**
 * A total transition table: a cell for every state and every event. A new state or event does not compile until
 * somebody has decided every cell of it.
 */
export type TransitionTable<S extends string, T, E extends { readonly type: string }> = {
  readonly [State in S]: { readonly [Type in E['type']]: (object: T, event: Extract<E, { type: Type }>) => Outcome<T> };
};
