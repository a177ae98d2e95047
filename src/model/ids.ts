import { SandglassError } from './errors.ts';

declare const brand: unique symbol;
type Branded<B extends string> = string & { readonly [brand]: B };

/** `sb-` and 32 hexadecimal digits of a UUIDv7: ids sort by time of creation, and fit in a DNS label. */
export type SandboxId = Branded<'SandboxId'>;
/** `snap-` and 32 hexadecimal digits of a UUIDv7. */
export type SnapshotId = Branded<'SnapshotId'>;
/** `exec-` and 32 hexadecimal digits of a UUIDv7. */
export type ExecutorId = Branded<'ExecutorId'>;
/** `op-` and 32 hexadecimal digits of a UUIDv7. */
export type OperationId = Branded<'OperationId'>;
/** The name of a tenant: a DNS label, so that it can stand in host names and image names. */
export type Namespace = Branded<'Namespace'>;

/** Each kind of id by its name. */
export interface Ids {
  sandbox: SandboxId;
  snapshot: SnapshotId;
  executor: ExecutorId;
  operation: OperationId;
}

const PREFIXES: Record<keyof Ids, string> = { sandbox: 'sb', snapshot: 'snap', executor: 'exec', operation: 'op' };

/** A source of new ids, passed in: the model itself knows neither time nor chance. Ids of one source sort in the order of making. */
export type NewId = <K extends keyof Ids>(kind: K) => Ids[K];

/** The id of the given kind whose UUID has the 32 hexadecimal digits `hex`. */
export function idFromHex<K extends keyof Ids>(kind: K, hex: string): Ids[K] {
  return `${PREFIXES[kind]}-${hex}` as Ids[K];
}

/** True when `text` is a well-formed id of the given kind. */
export function isId<K extends keyof Ids>(kind: K, text: string): text is Ids[K] {
  const prefix = `${PREFIXES[kind]}-`;
  return text.startsWith(prefix) && /^[0-9a-f]{32}$/.test(text.slice(prefix.length));
}

/**
 * `text` as an id of the given kind.
 * @throws SandglassError `not_found` (`sandbox_not_found` …): a malformed id names nothing, and is answered like an unknown one.
 */
export function parseId<K extends keyof Ids>(kind: K, text: string): Ids[K] {
  if (isId(kind, text)) return text;
  const shown = text.length > 80 ? `${text.slice(0, 80)}…` : text;
  throw new SandglassError(
    `${kind}_not_found`,
    `no ${kind} ${JSON.stringify(shown)}: ${kind} ids look like ${PREFIXES[kind]}-0192f3c1a5b47c9e8d2f6a7b8c9d0e1f`,
  );
}

/** Pattern of a namespace: 1–63 lower-case letters, digits and hyphens; begins and ends with a letter or digit. */
export const NAMESPACE_PATTERN = '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$';

/**
 * `text` as a namespace.
 * @throws SandglassError `invalid_argument` (`invalid_namespace`).
 */
export function parseNamespace(text: string): Namespace {
  if (new RegExp(NAMESPACE_PATTERN).test(text)) return text as Namespace;
  throw new SandglassError(
    'invalid_namespace',
    'namespace must be 1-63 lower-case letters, digits or hyphens, and begin and end with a letter or digit',
    { details: { field: 'namespace' } },
  );
}
