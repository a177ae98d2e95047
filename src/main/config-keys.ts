import Type from 'typebox';
import { ConfigSchema } from './config-schema.ts';

/** One thing that can be configured: a place in the YAML file, and an environment variable. */
export interface ConfigKey {
  /** Names from the outside in, such as `['server', 'listen']`. */
  readonly path: readonly string[];
  /** The path as people write it: `server.listen`. */
  readonly name: string;
  /** The environment variable that sets it: `SANDGLASS_SERVER_LISTEN`. */
  readonly env: string;
  readonly schema: KeySchema;
}

/** What a key's schema can say: the JSON Schema words that the configuration uses, and ours. */
export interface KeySchema extends Type.TSchema {
  readonly default?: unknown;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly maxItems?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly description?: string;
  /** The value as words, for messages about a pattern. */
  readonly expected?: string;
  readonly secret?: boolean;
  readonly path?: boolean;
}

/** All keys, in the order of the schema. */
export const CONFIG_KEYS: readonly ConfigKey[] = keysOf(ConfigSchema, []);

function keysOf(schema: Type.TSchema, path: readonly string[]): ConfigKey[] {
  if (Type.IsObject(schema)) return Object.entries(schema.properties).flatMap(([name, inner]) => keysOf(inner, [...path, name]));
  return [{ path, name: path.join('.'), env: `SANDGLASS_${path.join('_').toUpperCase()}`, schema }];
}
