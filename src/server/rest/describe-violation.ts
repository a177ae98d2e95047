import { nearest } from '../../lib/nearest.ts';
import type { SandglassError } from '../../model/errors.ts';
import { invalidField } from './invalid-request.ts';
import { wordsOf } from './schemas/patterns.ts';

/** One complaint of the validator (TypeBox's `TLocalizedValidationError`). Paths are JSON pointers. */
export interface Violation {
  readonly keyword: string;
  readonly schemaPath: string;
  readonly instancePath: string;
  readonly params: object;
}

/** Part of a request that is validated: what the fields of the message belong to. */
export type RequestPart = 'body' | 'query' | 'path';

/** Fields whose values may be secret, and are not repeated in messages. */
const SECRET_FIELDS = new Set(['env', 'secrets', 'stdin']);

/** The error that tells a client what is wrong with `value`, with the path of the field and what it must be. */
export function describeViolation(violation: Violation, schema: object, value: unknown, part: RequestPart): SandglassError {
  const { keyword, schemaPath } = violation;
  const path = pointerTokens(violation.instancePath);
  const field = fieldName(path) || part;
  if (keyword === 'boolean' && schemaPath.endsWith('/additionalProperties')) return unknownField(path, schemaPath, schema, part);
  if (schemaPath.endsWith('/propertyNames')) return invalidName(path, violation);
  if (keyword === 'required') {
    const [missing] = (violation.params as { requiredProperties: readonly string[] }).requiredProperties;
    const full = fieldName([...path, missing ?? '']);
    return invalidField(full, `${full} is missing`);
  }
  return invalidField(field, `${field} must be ${expectation(violation)}${got(path, value)}`);
}

function unknownField(path: readonly string[], schemaPath: string, schema: object, part: RequestPart): SandglassError {
  const name = path.at(-1) ?? '';
  const owner = path.slice(0, -1);
  const known = Object.keys(at(schema, pointerTokens(schemaPath.slice(1)).slice(0, -1), 'properties'));
  const near = nearest(name, known);
  const what = part === 'query' ? 'query parameter' : 'field';
  const remedy = near !== undefined ? `did you mean \`${near}\`?` : known.length > 0 ? `known: ${known.join(', ')}` : 'none is taken here';
  const full = clip(fieldName(path));
  const where = owner.length > 0 ? ` in ${fieldName(owner)}` : '';
  return invalidField(full, `unknown ${what} \`${clip(name)}\`${where}; ${remedy}`);
}

function invalidName(path: readonly string[], { params }: Violation): SandglassError {
  const owner = fieldName(path.slice(0, -1));
  const name = JSON.stringify(clip(path.at(-1) ?? ''));
  const words = 'pattern' in params ? wordsOf(String(params.pattern)) : 'shorter';
  return invalidField(owner, `${owner}: the key ${name} must be ${words}`);
}

/** Completes "must be …". */
function expectation({ keyword, params }: Violation): string {
  const { limit, comparison, type, allowedValues, pattern } = params as {
    limit?: number;
    comparison?: string;
    type?: string | readonly string[];
    allowedValues?: readonly unknown[];
    pattern?: string;
  };
  switch (keyword) {
    case 'type':
      return TYPES[String(type)] ?? String(type);
    case 'enum':
      return `one of ${allowedValues?.join(', ')}`;
    case 'pattern':
      return wordsOf(String(pattern));
    case 'minimum':
    case 'maximum':
    case 'exclusiveMinimum':
    case 'exclusiveMaximum':
      return `${comparison} ${limit}`;
    case 'minLength':
      return limit === 1 ? 'not empty' : `at least ${limit} characters long`;
    case 'maxLength':
      return `at most ${limit} characters long`;
    case 'minItems':
      return limit === 1 ? 'a list with at least one item' : `a list of at least ${limit} items`;
    case 'maxItems':
      return `a list of at most ${limit} items`;
    case 'maxProperties':
      return `an object with at most ${limit} entries`;
    case 'uniqueItems':
      return 'a list without repeated items';
    default:
      return `as the API describes it (${keyword}); see /docs`;
  }
}

const TYPES: Readonly<Record<string, string>> = {
  object: 'an object',
  array: 'a list',
  string: 'a string',
  integer: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
};

/** What was sent instead, unless it may be secret. */
function got(path: readonly string[], value: unknown): string {
  if (path[0] !== undefined && SECRET_FIELDS.has(path[0])) return '';
  const found = path.reduce<unknown>((owner, key) => (owner as Record<string, unknown>)?.[key], value);
  if (Array.isArray(found)) return ' (got a list)';
  if (typeof found === 'object' && found !== null) return ' (got an object)';
  return ` (got ${clip(JSON.stringify(found) ?? 'nothing')})`;
}

/** `resources.cpus`, `exposed_ports[0]`. */
function fieldName(path: readonly string[]): string {
  return path.reduce((name, key) => (/^\d+$/.test(key) ? `${name}[${key}]` : name === '' ? key : `${name}.${key}`), '');
}

function clip(text: string): string {
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}

function pointerTokens(pointer: string): string[] {
  return pointer
    .split('/')
    .slice(1)
    .map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'));
}

/** The object under `key` of the part of `schema` that `path` leads to; empty where there is none. */
function at(schema: object, path: readonly string[], key: string): object {
  const part = path.reduce<unknown>((owner, token) => (owner as Record<string, unknown>)?.[token], schema);
  return ((part as Record<string, unknown>)?.[key] as object) ?? {};
}
