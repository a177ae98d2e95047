import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml';
import { SandglassError } from '../model/errors.ts';

/** The configuration file, read and not yet checked. */
export interface ConfigFile {
  readonly path: string;
  readonly values: unknown;
  /** Line of each key by its name, such as `server.api_keys.0.hash`; counts from 1. */
  readonly lines: ReadonlyMap<string, number>;
}

/** Where the file is looked for when neither `--config` nor `SANDGLASS_CONFIG` names one. */
const USUAL_PLACES = (cwd: string) => [join(cwd, 'sandglass.yaml'), '/etc/sandglass/sandglass.yaml'];

/**
 * Reads the file that `explicit` names, else the first that is there of the usual ones, else none.
 * @throws SandglassError `invalid_config`: a named file is not there, or it is no YAML.
 */
export function readConfigFile(explicit: string | undefined, cwd: string): ConfigFile | undefined {
  const path = explicit === undefined ? USUAL_PLACES(cwd).find((place) => existsSync(place)) : resolve(cwd, explicit);
  return path === undefined ? undefined : parseConfigFile(path, readText(path));
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new SandglassError('invalid_config', `can't read the configuration file ${path}: ${why}`, { cause });
  }
}

/** @throws SandglassError `invalid_config` with the line of the first syntax error. */
export function parseConfigFile(path: string, text: string): ConfigFile {
  const lineCounter = new LineCounter();
  const document = parseDocument(text, { lineCounter });
  const [error] = document.errors;
  if (error !== undefined) {
    const line = error.linePos?.[0].line;
    const what = error.message.split('\n', 1)[0]?.replace(/ at line \d+, column \d+:?$/, '');
    throw new SandglassError('invalid_config', `${path}${line === undefined ? '' : `:${line}`}: ${what}`);
  }
  const lines = new Map<string, number>();
  recordLines(document.contents, [], lineCounter, lines);
  return { path, values: toPlain(document.toJS({ maxAliasCount: 100 })), lines };
}

/** An empty file, like one that has only comments, holds no values. */
function toPlain(values: unknown): unknown {
  return values ?? {};
}

function recordLines(node: Node | null, path: readonly string[], counter: LineCounter, lines: Map<string, number>): void {
  if (isMap(node)) {
    for (const { key, value } of node.items) {
      if (!isScalar(key)) continue;
      const inner = [...path, String(key.value)];
      lines.set(inner.join('.'), counter.linePos(key.range?.[0] ?? 0).line);
      recordLines(value as Node | null, inner, counter, lines);
    }
  } else if (isSeq(node)) {
    for (const [index, item] of node.items.entries()) {
      const inner = [...path, String(index)];
      lines.set(inner.join('.'), counter.linePos((item as Node).range?.[0] ?? 0).line);
      recordLines(item as Node, inner, counter, lines);
    }
  }
}
