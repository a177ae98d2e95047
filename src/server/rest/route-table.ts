import type { FastifyInstance } from 'fastify';
import { SandglassError } from '../../model/errors.ts';
import type { UpgradeKind } from './upgrade.ts';

/** The routes that exist, to tell a wrong method from a wrong path. */
export class RouteTable {
  readonly #methods = new Map<string, Set<string>>();
  readonly #upgrades = new Map<string, UpgradeKind>();

  /** Records every route that `app` is given from now on. */
  record(app: FastifyInstance): void {
    app.addHook('onRoute', ({ url, method, config }) => {
      const methods = this.#methods.get(url) ?? new Set();
      for (const one of [method].flat()) methods.add(one);
      this.#methods.set(url, methods);
      if (config?.upgrades !== undefined) this.#upgrades.set(url, config.upgrades);
    });
  }

  /** The methods that the path takes, sorted; empty when there is no such path. */
  methodsOf(path: string): readonly string[] {
    const found = new Set<string>();
    for (const [template, methods] of this.#methods) {
      if (matches(template, path)) for (const method of methods) found.add(method);
    }
    return [...found].sort();
  }

  /** Whether a route at the path takes sockets for `protocol`. */
  takesUpgrade(path: string, protocol: string): boolean {
    for (const [template, kind] of this.#upgrades) {
      if ((kind === 'any' || kind === protocol) && matches(template, path)) return true;
    }
    return false;
  }
}

/** The error for a request that no route takes. */
export function unmatched(method: string, path: string, allowed: readonly string[]): SandglassError {
  const shown = path.length > 120 ? `${path.slice(0, 120)}…` : path;
  return allowed.length > 0
    ? new SandglassError('method_not_allowed', `${shown} takes ${allowed.join(', ')}, not ${method}`, { details: { allow: allowed } })
    : new SandglassError('route_not_found', `no route ${method} ${shown}; /docs lists them all`);
}

/** `template` as fastify has it: `:name` stands for one segment, `*` at the end for the rest. */
function matches(template: string, path: string): boolean {
  const expected = template.split('/');
  const actual = path.split('/');
  if (expected.at(-1) === '*') return actual.length >= expected.length && expected.slice(0, -1).every((part, i) => fits(part, actual[i]));
  return expected.length === actual.length && expected.every((part, i) => fits(part, actual[i]));
}

function fits(expected: string, actual: string | undefined): boolean {
  return expected.startsWith(':') ? actual !== undefined && actual !== '' : expected === actual;
}
