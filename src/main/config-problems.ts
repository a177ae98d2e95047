import Type from 'typebox';
import { Value } from 'typebox/value';
import { nearest } from '../lib/nearest.ts';
import type { KeySchema } from './config-keys.ts';

/** What is wrong with a value, and where: `name` is a path such as `server.api_keys.0.hash`. */
export interface Problem {
  readonly name: string;
  readonly message: string;
}

/** Keys that do not exist, at any depth of sections and lists, each with the known one that is most like it. */
export function unknownKeys(schema: Type.TSchema, value: unknown, path: readonly string[] = []): Problem[] {
  if (Type.IsArray(schema) && Array.isArray(value)) {
    return value.flatMap((item, index) => unknownKeys(schema.items, item, [...path, String(index)]));
  }
  if (!Type.IsObject(schema) || typeof value !== 'object' || value === null || Array.isArray(value)) return [];
  const known = Object.keys(schema.properties);
  return Object.entries(value).flatMap(([key, inner]) => {
    const innerSchema = Object.hasOwn(schema.properties, key) ? schema.properties[key] : undefined;
    if (innerSchema !== undefined) return unknownKeys(innerSchema, inner, [...path, key]);
    const name = [...path, key].join('.');
    const like = nearest(key, known);
    const hint = like === undefined ? `; known here: ${known.join(', ')}` : `; did you mean ${[...path, like].join('.')}?`;
    return [{ name, message: `unknown key ${name}${hint}` }];
  });
}

/** What keeps `value` from being one of `schema`, in words; undefined when nothing does. Unknown keys are `unknownKeys`' to tell. */
export function valueProblem(schema: KeySchema, value: unknown, name: string): Problem | undefined {
  const error = Value.Errors(schema, value).find(({ keyword }) => keyword !== 'boolean' && keyword !== 'additionalProperties');
  if (error === undefined) return undefined;
  const steps = error.instancePath.split('/').slice(1);
  if (error.keyword === 'required') {
    const [missing] = error.params.requiredProperties;
    return { name: [name, ...steps].join('.'), message: `${[name, ...steps].join('.')} has no ${missing}` };
  }
  const innerName = [name, ...steps].join('.');
  const innerSchema = schemaAt(schema, steps);
  const shown = innerSchema.secret === true ? '' : ` (got ${show(valueAt(value, steps))})`;
  return { name: innerName, message: `${innerName} must be ${expected(innerSchema)}${shown}` };
}

function schemaAt(schema: KeySchema, steps: readonly string[]): KeySchema {
  const [step, ...rest] = steps;
  if (step === undefined) return schema;
  if (Type.IsArray(schema)) return schemaAt(schema.items as KeySchema, rest);
  if (Type.IsObject(schema)) return schemaAt(schema.properties[step] as KeySchema, rest);
  return Type.IsRecord(schema) ? (Type.String() as KeySchema) : schema;
}

function valueAt(value: unknown, steps: readonly string[]): unknown {
  return steps.reduce<unknown>((inner, step) => (inner as Record<string, unknown> | undefined)?.[step], value);
}

/** The order matters: a whole number is a number too. */
const KINDS: readonly { readonly is: (schema: KeySchema) => boolean; readonly words: (schema: KeySchema) => string }[] = [
  { is: Type.IsInteger, words: ({ minimum, maximum }) => `a whole number from ${minimum} to ${maximum}` },
  { is: Type.IsNumber, words: ({ minimum, maximum }) => `a number from ${minimum} to ${maximum}` },
  { is: Type.IsBoolean, words: () => 'true or false' },
  { is: Type.IsArray, words: ({ maxItems }) => `a list of at most ${maxItems} entries` },
  { is: Type.IsObject, words: () => 'a mapping of keys to values' },
  { is: Type.IsRecord, words: () => 'a mapping of names to strings' },
  { is: Type.IsEnum, words: (schema) => `one of ${(schema as Type.TEnum).enum.join(', ')}` },
];

function expected(schema: KeySchema): string {
  const { minLength = 0, maxLength } = schema;
  return (
    schema.expected ??
    KINDS.find(({ is }) => is(schema))?.words(schema) ??
    (maxLength === undefined ? 'a string that is not empty' : `a string of ${minLength} to ${maxLength} characters`)
  );
}

function show(value: unknown): string {
  const text = value === undefined ? 'nothing' : JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
