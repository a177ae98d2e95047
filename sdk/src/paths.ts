import { SandglassError } from './errors.ts';
import type { Labels } from './types.ts';

/**
 * A path of the API from literal text and values, each of which becomes one percent-encoded segment.
 * @throws SandglassError `invalid_options` for a value that no URL can carry as a segment: empty, `.` or `..`.
 */
export function path(literals: TemplateStringsArray, ...values: readonly string[]): string {
  const segments = values.map((value) => {
    if (value !== '' && value !== '.' && value !== '..') return encodeURIComponent(value);
    throw new SandglassError('invalid_argument', 'invalid_options', `${JSON.stringify(value)} is not an id`);
  });
  return String.raw({ raw: literals.raw }, ...segments);
}

type QueryValue = string | number | boolean | readonly string[] | Labels | undefined;

/** Where the routes of one sandbox begin. */
export function sandboxPath(namespace: string, sandboxId: string): string {
  return path`/v1/namespaces/${namespace}/sandboxes/${sandboxId}`;
}

/** Query parameters from a filter: absent values are left out, lists are repeated, and labels become repeated `label=key=value`. */
export function query(fields: Readonly<Record<string, QueryValue>>): URLSearchParams {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(fields)) {
    if (value === undefined) continue;
    if (isList(value)) for (const item of value) params.append(name, item);
    else if (typeof value === 'object') for (const [key, text] of Object.entries(value)) params.append(name, `${key}=${text}`);
    else params.append(name, String(value));
  }
  return params;
}

function isList(value: QueryValue): value is readonly string[] {
  return Array.isArray(value);
}
