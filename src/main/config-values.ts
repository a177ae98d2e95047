import Type from 'typebox';
import { parse } from 'yaml';
import { nearest } from '../lib/nearest.ts';
import type { ConfigFile } from './config-file.ts';
import { CONFIG_KEYS, type ConfigKey } from './config-keys.ts';
import { type Problem, unknownKeys, valueProblem } from './config-problems.ts';
import { ConfigSchema } from './config-schema.ts';
import { type Environment, expandEnvironment } from './expand-environment.ts';

/** Where a value comes from, for people: `default`, `sandglass.yaml:12` or `SANDGLASS_SERVER_LISTEN`. */
export type ConfigSource = string;

/** What the file and the environment say, each key checked by itself; absent keys have their defaults. */
export interface ConfigValues {
  /** By name, such as `server.listen`. Keys without a value and without a default are missing. */
  readonly values: ReadonlyMap<string, unknown>;
  readonly sources: ReadonlyMap<string, ConfigSource>;
  readonly problems: readonly Problem[];
  readonly warnings: readonly string[];
}

/** Variables of ours that are no configuration: they belong to the client. */
const OTHER_VARIABLES = ['SANDGLASS_CONFIG', 'SANDGLASS_URL', 'SANDGLASS_API_KEY', 'SANDGLASS_NAMESPACE'];

/** The value of every key: the environment's, else the file's, else the default. */
export function readConfigValues(file: ConfigFile | undefined, env: Environment): ConfigValues {
  const problems: Problem[] = [];
  const fromFile = expandEnvironment(file?.values ?? {}, env, (name, variable) => {
    problems.push({
      name,
      message: `${name} uses \${${variable}}, and no such variable is set; set it, or write $\${${variable}} for the text itself`,
    });
  });
  problems.push(...unknownKeys(ConfigSchema, fromFile), ...sectionProblems(ConfigSchema, fromFile, []));

  const values = new Map<string, unknown>();
  const sources = new Map<string, ConfigSource>();
  for (const key of CONFIG_KEYS) {
    const found = fromEnvironment(key, env) ?? fromSections(key, fromFile, file) ?? fromDefault(key);
    if (found === undefined) continue;
    sources.set(key.name, found.source);
    const problem = valueProblem(key.schema, found.value, key.name);
    if (problem === undefined) values.set(key.name, found.value);
    else if (!problems.some(({ name }) => name === problem.name)) problems.push(problem);
  }
  return { values, sources, problems, warnings: strangeVariables(env) };
}

interface Found {
  readonly value: unknown;
  readonly source: ConfigSource;
}

/** An empty variable counts as not set, as is usual where a template fills it in. */
function fromEnvironment({ env: variable, schema }: ConfigKey, env: Environment): Found | undefined {
  const text = env[variable];
  if (text === undefined || text === '') return undefined;
  return { value: Type.IsString(schema) || Type.IsEnum(schema) ? text : parseFlow(text), source: variable };
}

/** Numbers, booleans, lists and mappings are written as in YAML. What is no YAML fails the key's own check, as a string. */
function parseFlow(text: string): unknown {
  try {
    return parse(text);
  } catch {
    return text;
  }
}

function fromSections({ path, name }: ConfigKey, values: unknown, file: ConfigFile | undefined): Found | undefined {
  let value = values;
  for (const step of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return undefined;
    value = (value as Record<string, unknown>)[step];
  }
  return { value, source: `${file?.path}:${file?.lines.get(name)}` };
}

function fromDefault({ schema }: ConfigKey): Found | undefined {
  return schema.default === undefined ? undefined : { value: schema.default, source: 'default' };
}

/** Sections that hold something else than keys. A section with all its keys commented out is null, and is left alone. */
function sectionProblems(schema: Type.TSchema, value: unknown, path: readonly string[]): Problem[] {
  if (!Type.IsObject(schema) || value === null || value === undefined) return [];
  if (typeof value !== 'object' || Array.isArray(value)) {
    const name = path.join('.');
    return [{ name, message: `${name || 'the file'} must be a mapping of keys to values` }];
  }
  return Object.entries(schema.properties).flatMap(([key, inner]) =>
    sectionProblems(inner, (value as Record<string, unknown>)[key], [...path, key]),
  );
}

/**
 * Warnings only: orchestrators set variables of their own, such as `SANDGLASS_SERVER_SERVICE_HOST` in every pod beside a
 * service `sandglass-server`, and a start must not fail on them.
 */
function strangeVariables(env: Environment): string[] {
  const known = [...CONFIG_KEYS.map((key) => key.env), ...OTHER_VARIABLES];
  return Object.keys(env)
    .filter((variable) => variable.startsWith('SANDGLASS_') && !known.includes(variable))
    .flatMap((variable) => {
      const like = nearest(variable, known);
      return like === undefined ? [] : [`the environment variable ${variable} sets nothing; did you mean ${like}?`];
    });
}
