import { SandglassError } from '../model/errors.ts';
import type { Executor } from '../model/executor.ts';
import type { NamespaceUsage } from '../model/namespace.ts';
import type { Operation } from '../model/operation.ts';
import type { Sandbox } from '../model/sandbox.ts';
import type { Snapshot } from '../model/snapshot.ts';

/**
 * How one kind of object is kept: JSON with the version of its shape in `v`. A change of shape adds an entry to
 * `upgrades`, so that records of every earlier version can be read for ever; they are written in the latest.
 */
export interface RecordCodec<T> {
  encode(object: T): Uint8Array;
  /** @throws SandglassError `store_corrupt` when the bytes are no such record; `store_schema_newer` when its version is not known yet. */
  decode(bytes: Uint8Array): T;
}

/** From one version's JSON to the next one's. */
type Upgrade = (json: Record<string, unknown>) => Record<string, unknown>;

function codec<T extends object>(kind: string, upgrades: readonly Upgrade[] = []): RecordCodec<T> {
  const version = upgrades.length + 1;
  return {
    encode: (object) => Buffer.from(JSON.stringify({ v: version, ...object })),
    decode(bytes) {
      const { v, ...json } = parse(kind, bytes);
      if (v > version) {
        throw new SandglassError('store_schema_newer', `a ${kind} record has version ${v}; this binary knows versions up to ${version}`);
      }
      return upgrades.slice(v - 1).reduce((older, upgrade) => upgrade(older), json) as T;
    },
  };
}

function parse(kind: string, bytes: Uint8Array): Record<string, unknown> & { v: number } {
  let json: unknown;
  try {
    json = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8'));
  } catch (cause) {
    throw new SandglassError('store_corrupt', `a ${kind} record is not JSON`, { cause });
  }
  if (typeof json === 'object' && json !== null && 'v' in json && Number.isInteger(json.v) && Number(json.v) >= 1) {
    return json as Record<string, unknown> & { v: number };
  }
  throw new SandglassError('store_corrupt', `a ${kind} record has no version`);
}

/** The environment variables that a sandbox was given as secrets. Never part of a sandbox's record, an answer or a log. */
export interface Secrets {
  readonly env: Readonly<Record<string, string>>;
}

/** A request that carried an `Idempotency-Key`. It is stored before anything is done for it, so that it is not done twice. */
export interface IdempotentRequest {
  /** Digest of method, path and body: the same key with another request is an error. */
  readonly requestHash: string;
  /** Absent while the request is carried out, and for good when the server ended meanwhile. */
  readonly answer?: { readonly status: number; readonly body: unknown };
  /** Epoch milliseconds. */
  readonly expiresAt: number;
}

export const sandboxRecord = codec<Sandbox>('sandbox');
export const snapshotRecord = codec<Snapshot>('snapshot');
export const executorRecord = codec<Executor>('executor');
export const operationRecord = codec<Operation>('operation');
export const usageRecord = codec<NamespaceUsage>('namespace usage');
export const secretsRecord = codec<Secrets>('secrets');
export const idempotencyRecord = codec<IdempotentRequest>('idempotent request');
