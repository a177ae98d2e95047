import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import type Type from 'typebox';
import { SandglassError } from '../model/errors.ts';
import { type ConfigFile, readConfigFile } from './config-file.ts';
import { CONFIG_KEYS, type ConfigKey } from './config-keys.ts';
import { checkRules } from './config-rules.ts';
import type { ConfigSchema } from './config-schema.ts';
import { type ConfigSource, readConfigValues } from './config-values.ts';
import type { Environment } from './expand-environment.ts';

/**
 * The effective configuration: complete and checked. It has the shape of `ConfigSchema`, with names in camelCase;
 * `docs/configuration.md` explains every key.
 */
export type Config = CamelKeys<Type.Static<typeof ConfigSchema>> & {
  /** Absolute. It may not exist yet. */
  readonly dataDir: string;
  readonly origin: ConfigOrigin;
};

/** How the configuration came about. */
export interface ConfigOrigin {
  /** The file that was read, if any. */
  readonly file?: string;
  /** By name, such as `server.listen`. */
  readonly sources: ReadonlyMap<string, ConfigSource>;
  /** What is allowed and yet looks wrong, one sentence each; for the log. */
  readonly warnings: readonly string[];
}

export interface LoadConfigOptions {
  /** Path of the YAML file, before `SANDGLASS_CONFIG` and the usual places. */
  readonly file?: string | undefined;
  /** By default the process's. */
  readonly env?: Environment;
  /** Folder in which `sandglass.yaml` is looked for; by default the process's. */
  readonly cwd?: string;
  /** By default the user's. */
  readonly home?: string;
  /** Whether the user is root; decides the default of `data_dir`. */
  readonly isRoot?: boolean;
}

/**
 * Reads the configuration: environment before file before defaults.
 * @throws SandglassError `invalid_config`, naming everything that is wrong, with file and line or variable.
 */
export function loadConfig(options: LoadConfigOptions = {}): Config {
  const { env = process.env, cwd = process.cwd(), home = homedir(), isRoot = process.getuid?.() === 0 } = options;
  const file = readConfigFile(options.file ?? (env.SANDGLASS_CONFIG || undefined), cwd);
  const { values, sources, problems, warnings } = readConfigValues(file, env);
  if (problems.length > 0) throw invalid(problems, sources, file);

  const defaultDataDir = isRoot ? '/var/lib/sandglass' : join(env.XDG_DATA_HOME || join(home, '.local/share'), 'sandglass');
  const complete = new Map(values);
  if (!complete.has('data_dir')) complete.set('data_dir', defaultDataDir);
  const fields = assemble(complete, (key) => (sources.get(key.name) === key.env || file === undefined ? cwd : dirname(file.path)));
  const config = { ...fields, origin: { ...(file && { file: file.path }), sources, warnings } } as unknown as Config;

  const found = checkRules(config);
  if (found.problems.length > 0) throw invalid(found.problems, sources, file);
  return { ...config, origin: { ...config.origin, warnings: [...warnings, ...found.warnings] } };
}

function invalid(
  problems: readonly { name: string; message: string }[],
  sources: ReadonlyMap<string, ConfigSource>,
  file: ConfigFile | undefined,
): SandglassError {
  const lines = problems.map(({ name, message }) => {
    const source = sourceOf(name, sources, file);
    return source === undefined ? message : `${source}: ${message}`;
  });
  const message =
    lines.length === 1 ? `${lines[0]}` : `the configuration has ${lines.length} problems\n${lines.map((line) => `  ${line}`).join('\n')}`;
  return new SandglassError('invalid_config', message, { details: { keys: problems.map(({ name }) => name) } });
}

/** The variable that sets `name` or what it is part of, else the nearest line of the file. */
function sourceOf(name: string, sources: ReadonlyMap<string, ConfigSource>, file: ConfigFile | undefined): string | undefined {
  const steps = name.split('.');
  for (let length = steps.length; length > 0; length--) {
    const outer = steps.slice(0, length).join('.');
    const source = sources.get(outer);
    if (source === 'default') return undefined;
    if (source?.startsWith('SANDGLASS_')) return source;
    const line = file?.lines.get(outer);
    if (line !== undefined) return `${file?.path}:${line}`;
  }
  return file?.path;
}

/** Puts the values of all keys into nested objects; paths become absolute. */
function assemble(values: ReadonlyMap<string, unknown>, folderOf: (key: ConfigKey) => string): Record<string, unknown> {
  const root: Record<string, unknown> = {};
  for (const key of CONFIG_KEYS) {
    const sections = key.path.slice(0, -1).map(camelCase);
    const section = sections.reduce<Record<string, unknown>>((outer, name) => {
      outer[name] ??= {};
      return outer[name] as Record<string, unknown>;
    }, root);
    const value = values.get(key.name);
    if (value === undefined) continue;
    section[camelCase(key.path.at(-1) as string)] = key.schema.path === true ? resolve(folderOf(key), value as string) : value;
  }
  return root;
}

/** `default_ttl_secs` as `defaultTtlSecs`. */
export function camelCase(name: string): string {
  return name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

type CamelCase<S extends string> = S extends `${infer Head}_${infer Tail}` ? `${Head}${Capitalize<CamelCase<Tail>>}` : S;

type CamelKeys<T> = T extends readonly (infer Item)[]
  ? readonly CamelKeys<Item>[]
  : T extends object
    ? { readonly [K in keyof T as K extends string ? CamelCase<K> : K]: CamelKeys<T[K]> }
    : T;
