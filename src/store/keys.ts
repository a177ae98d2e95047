import { createHash } from 'node:crypto';
import type { ExecutorId, Namespace, OperationId, SandboxId, SnapshotId } from '../model/ids.ts';

/*
 * Every key of the store is made here. Components never contain `/`: ids, namespaces, statuses and times do not, and
 * what users name freely (names, label keys and values) goes through `encode`. Ids sort by creation, so that a scan in
 * reverse lists newest first.
 *
 *   sb/NS/ID            sandbox                     x/sb/NS/status/STATUS/ID      indexes, empty values
 *   snap/NS/ID          snapshot                    x/sb/NS/label/KEY=VALUE/ID
 *   exec/ID             executor                    x/sb-exec/EXEC/NS/ID
 *   op/EXEC/ID          operation                   x/snap/NS/{status,sandbox,name,label}/…/ID
 *   usage/NS            usage of a namespace        x/snap-exec/EXEC/ID/NS
 *   secret/SB           secrets of a sandbox        due/TIME/{sb,snap}/NS/ID      deadlines and next attempts
 *   idem/NS/HASH        an idempotent answer        expiry/TIME/{snap,idem}/NS/ID   what is to be cleaned up from then on
 *   migration           progress of a migration     ended/TIME/sb/NS/ID         terminated sandboxes by time of their end
 */

/** Kinds of object that carry deadlines and expiries. */
export type TimedKind = 'sb' | 'snap' | 'idem';

/** Longest component that a text becomes. A label value of 255 characters could become nine times as long. */
const MAX_ENCODED_LENGTH = 255;

/**
 * Any text as a key component of at most 255 characters, neither `/` nor anything but printable ASCII: percent-encoded, so
 * that people can read it, or where that is too long or impossible, `#` and a digest. Different texts become different ones.
 */
export function encode(text: string): string {
  if (text.isWellFormed()) {
    const encoded = encodeURIComponent(text);
    if (encoded.length <= MAX_ENCODED_LENGTH) return encoded;
  }
  return `#${createHash('sha256').update(text, 'utf16le').digest('hex')}`;
}

/** How far the latest migration of the store is: `migrations.ts`. */
export const migrationKey = 'migration';

/** A time as a component whose byte order is the order of times. Epoch milliseconds up to the year 5138. */
function encodeTime(epochMs: number): string {
  return String(Math.max(0, Math.ceil(epochMs))).padStart(14, '0');
}

export const sandboxPrefix = (ns: Namespace) => `sb/${ns}/`;
export const sandboxKey = (ns: Namespace, id: SandboxId) => `sb/${ns}/${id}`;
export const snapshotPrefix = (ns: Namespace) => `snap/${ns}/`;
export const snapshotKey = (ns: Namespace, id: SnapshotId) => `snap/${ns}/${id}`;
export const executorPrefix = 'exec/';
export const executorKey = (id: ExecutorId) => `exec/${id}`;
export const operationPrefix = (executorId: ExecutorId) => `op/${executorId}/`;
export const operationKey = (executorId: ExecutorId, id: OperationId) => `op/${executorId}/${id}`;
export const usageKey = (ns: Namespace) => `usage/${ns}`;
export const secretsKey = (id: SandboxId) => `secret/${id}`;
/** `hash` is a digest of the client's key, so that its length and characters do not matter. */
export const idempotencyKey = (ns: Namespace, hash: string) => `idem/${ns}/${hash}`;

export const sandboxStatusIndex = (ns: Namespace, status: string) => `x/sb/${ns}/status/${status}/`;
export const sandboxLabelIndex = (ns: Namespace, key: string, value: string) => `x/sb/${ns}/label/${encode(key)}=${encode(value)}/`;
/** Above the entries of every executor. */
export const executorSandboxIndexes = 'x/sb-exec/';
/** Sandboxes that occupy the executor: `ID/NS` follows, so that an id that an executor reports leads to its namespace. */
export const executorSandboxIndex = (id: ExecutorId) => `x/sb-exec/${id}/`;

/** Above the entries of every index of snapshots. */
export const snapshotIndexes = 'x/snap/';
export const snapshotStatusIndex = (ns: Namespace, status: string) => `x/snap/${ns}/status/${status}/`;
export const snapshotSandboxIndex = (ns: Namespace, id: SandboxId) => `x/snap/${ns}/sandbox/${id}/`;
export const snapshotNameIndex = (ns: Namespace, name: string) => `x/snap/${ns}/name/${encode(name)}/`;
export const snapshotLabelIndex = (ns: Namespace, key: string, value: string) => `x/snap/${ns}/label/${encode(key)}=${encode(value)}/`;
/** Snapshots whose image is, is being made or is being removed on the executor: `ID/NS` follows. */
export const executorSnapshotIndex = (id: ExecutorId) => `x/snap-exec/${id}/`;

export const duePrefix = 'due/';
export const dueKey = (at: number, kind: TimedKind, ns: Namespace, id: string) => `due/${encodeTime(at)}/${kind}/${ns}/${id}`;
export const expiryPrefix = 'expiry/';
export const expiryKey = (at: number, kind: TimedKind, ns: Namespace, id: string) => `expiry/${encodeTime(at)}/${kind}/${ns}/${id}`;
export const endedPrefix = 'ended/';
export const endedKey = (at: number, kind: TimedKind, ns: Namespace, id: string) => `ended/${encodeTime(at)}/${kind}/${ns}/${id}`;
/** Bound for a scan of `due/`, `expiry/` or `ended/` that finds everything up to and including `at`. */
export const timeBound = (prefix: string, at: number) => `${prefix}${encodeTime(Math.floor(at) + 1)}`;

/** The parts of a `due/`, `expiry/` or `ended/` key. */
export function parseTimedKey(key: string): { at: number; kind: TimedKind; namespace: Namespace; id: string } {
  const [, time, kind, namespace, id] = key.split('/');
  return { at: Number(time), kind: kind as TimedKind, namespace: namespace as Namespace, id: id as string };
}

/** The last component: the id of the object that an index entry stands for. */
export function lastComponent(key: string): string {
  return key.slice(key.lastIndexOf('/') + 1);
}

/** The last two components of an entry of an executor's index: the id and namespace of the object. */
export function idAndNamespace(key: string): { namespace: Namespace; id: string } {
  const [id, namespace] = key.split('/').slice(-2);
  return { namespace: namespace as Namespace, id: id as string };
}
