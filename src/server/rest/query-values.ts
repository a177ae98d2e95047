interface QuerySchema {
  readonly properties?: Readonly<Record<string, { readonly type?: string }>>;
}

/**
 * The values of a query as its schema has them: numbers and booleans from their texts, lists from one text or several.
 * What is not written as its type stays a text, for the validator to refuse; so does a parameter that is repeated.
 */
export function parseQueryValues(query: Readonly<Record<string, unknown>>, schema: QuerySchema): Record<string, unknown> {
  return Object.fromEntries(Object.entries(query).map(([name, value]) => [name, parse(value, schema.properties?.[name]?.type)]));
}

function parse(value: unknown, type: string | undefined): unknown {
  if (type === 'array') return Array.isArray(value) ? value : [value];
  if (typeof value !== 'string') return value;
  if (type === 'integer' || type === 'number') return /^-?\d{1,15}(\.\d{1,6})?$/.test(value) ? Number(value) : value;
  if (type === 'boolean') return value === 'true' ? true : value === 'false' ? false : value;
  return value;
}
