import type { FastifySchema, FastifySchemaCompiler } from 'fastify';
import type { TSchema } from 'typebox';
import { Compile } from 'typebox/compile';
import { describeViolation, type RequestPart } from './describe-violation.ts';
import { parseQueryValues } from './query-values.ts';
import { namedSchemas } from './schemas/all.ts';

/** What fastify calls the parts of a request, and what they are called in messages. */
const PARTS: Readonly<Record<string, RequestPart>> = { body: 'body', querystring: 'query', params: 'path' };

const SCHEMAS = new Map<string, TSchema>(namedSchemas.map((schema) => [`${schema.$id}#`, schema]));

/** Wraps the SandglassError of a violation: fastify writes to errors that it gets from a validator. */
export class ViolationError extends Error {
  constructor(cause: Error) {
    super(cause.message, { cause });
  }
}

/** Validates a part of a request. Bodies are taken as they are: nothing is coerced, dropped or filled in. */
export const validatorCompiler: FastifySchemaCompiler<FastifySchema> = ({ schema, httpPart }) => {
  const resolved = resolve(schema as TSchema);
  const part = PARTS[httpPart ?? ''] ?? 'body';
  const validator = Compile(resolved);
  return (data: unknown) => {
    const value = part === 'query' ? parseQueryValues(data as Record<string, unknown>, resolved) : data;
    if (validator.Check(value)) return { value };
    const [violation] = validator.Errors(value);
    if (violation === undefined) throw new Error('the validator refused a value without saying why');
    return { error: new ViolationError(describeViolation(violation, resolved, value, part)) };
  };
};

function resolve(schema: TSchema): TSchema {
  if (!('$ref' in schema)) return schema;
  const found = SCHEMAS.get(String(schema.$ref));
  if (found === undefined) throw new Error(`no schema is named ${String(schema.$ref)}`);
  return found;
}
