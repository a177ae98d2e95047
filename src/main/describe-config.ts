import Type from 'typebox';
import { Document, isCollection } from 'yaml';
import { type Config, camelCase } from './config.ts';
import { CONFIG_KEYS, type KeySchema } from './config-keys.ts';

const MASK = '********';

/**
 * The effective configuration as YAML that could be used as the file, with the source of each value as a comment and
 * secrets masked. Keys that are not set are left out.
 */
export function describeConfig(config: Config): string {
  const document = new Document({});
  for (const { path, name, schema } of CONFIG_KEYS) {
    const value = path.reduce<unknown>((section, step) => (section as Record<string, unknown>)[camelCase(step)], config);
    if (value === undefined) continue;
    const node = document.createNode(masked(schema, value));
    if (isCollection(node)) node.flow = true;
    node.comment = ` ${config.origin.sources.get(name) ?? 'default'}`;
    document.setIn(path, node);
  }
  return document.toString({ lineWidth: 0 });
}

/** `value` with what its schema calls secret replaced. */
function masked(schema: KeySchema, value: unknown): unknown {
  if (schema.secret === true) return MASK;
  if (Type.IsArray(schema)) return (value as unknown[]).map((item) => masked(schema.items as KeySchema, item));
  if (!Type.IsObject(schema)) return value;
  return Object.fromEntries(
    Object.entries(value as Record<string, unknown>).map(([key, inner]) => [key, masked(schema.properties[key] as KeySchema, inner)]),
  );
}
