import { compact } from '../../lib/compact.ts';
import { SandglassError } from '../../model/errors.ts';
import { type Ids, isId, type Namespace } from '../../model/ids.ts';
import type { Labels } from '../../model/labels.ts';
import type { Sandbox } from '../../model/sandbox.ts';
import type { Snapshot } from '../../model/snapshot.ts';
import * as keys from '../../store/keys.ts';
import { type RecordCodec, sandboxRecord, snapshotRecord } from '../../store/records.ts';
import type { Entry, Store } from '../../store/store.ts';
import type { LabelCondition, Page, PageRequest, SandboxFilter, SnapshotFilter } from '../requests.ts';
import { sandboxNotFound } from './read.ts';

/** A page looks at no more than this many records for each one it has room for: a rare match is found over several pages. */
const MAX_SCANNED_PER_ITEM = 20;

/** Sandboxes, newest first. */
export function listSandboxes(store: Store, ns: Namespace, filter: SandboxFilter, page: PageRequest): Promise<Page<Sandbox>> {
  const [label] = filter.label ?? [];
  const index =
    label !== undefined
      ? keys.sandboxLabelIndex(ns, label.key, label.value)
      : filter.status !== undefined
        ? keys.sandboxStatusIndex(ns, filter.status)
        : undefined;
  return list(store, page, {
    kind: 'sandbox',
    primary: keys.sandboxPrefix(ns),
    index,
    codec: sandboxRecord,
    matches: (sandbox) => (filter.status ?? sandbox.status) === sandbox.status && hasLabels(sandbox.labels, filter.label),
  });
}

/** Snapshots, newest first. @throws SandglassError `sandbox_not_found` when the sandbox asked for never was, as far as is known. */
export async function listSnapshots(store: Store, ns: Namespace, filter: SnapshotFilter, page: PageRequest): Promise<Page<Snapshot>> {
  const { status, name, sandboxId } = filter;
  if (sandboxId !== undefined) await checkSandboxKnown(store, ns, sandboxId);
  const [label] = filter.label ?? [];
  const index =
    sandboxId !== undefined
      ? keys.snapshotSandboxIndex(ns, sandboxId)
      : name !== undefined
        ? keys.snapshotNameIndex(ns, name)
        : label !== undefined
          ? keys.snapshotLabelIndex(ns, label.key, label.value)
          : status !== undefined
            ? keys.snapshotStatusIndex(ns, status)
            : undefined;
  return await list(store, page, {
    kind: 'snapshot',
    primary: keys.snapshotPrefix(ns),
    index,
    codec: snapshotRecord,
    matches: (snapshot) =>
      (status ?? snapshot.status) === snapshot.status &&
      (name ?? snapshot.name) === snapshot.name &&
      (sandboxId ?? snapshot.sandboxId) === snapshot.sandboxId &&
      hasLabels(snapshot.labels, filter.label),
  });
}

/** The snapshots of a sandbox can be listed for longer than the sandbox itself is remembered. */
async function checkSandboxKnown(store: Store, ns: Namespace, id: Ids['sandbox']): Promise<void> {
  if ((await store.get(keys.sandboxKey(ns, id))) !== undefined) return;
  const [any] = await store.scan({ prefix: keys.snapshotSandboxIndex(ns, id), limit: 1, keysOnly: true });
  if (any === undefined) throw sandboxNotFound(id);
}

function hasLabels(labels: Labels, conditions: readonly LabelCondition[] = []): boolean {
  return conditions.every(({ key, value }) => labels[key] === value);
}

interface Listing<T> {
  readonly kind: 'sandbox' | 'snapshot';
  /** Prefix of the records, which end in their ids. */
  readonly primary: string;
  /** Prefix of an index whose entries end in ids, if one serves the filter; otherwise the records themselves are scanned. */
  readonly index: string | undefined;
  readonly codec: RecordCodec<T>;
  /** The whole filter: an index covers only a part of it, and may be older than the record. */
  matches(item: T): boolean;
}

/** Both kinds of scan run through ids in descending order, so that one cursor, the last id looked at, serves every filter. */
async function list<T>(store: Store, page: PageRequest, listing: Listing<T>): Promise<Page<T>> {
  const items: T[] = [];
  const prefix = listing.index ?? listing.primary;
  let last = page.cursor === undefined ? undefined : parseCursor(listing.kind, page.cursor);
  for (let budget = page.limit * MAX_SCANNED_PER_ITEM; ; ) {
    const limit = Math.min(page.limit, budget);
    const keysOnly = listing.index !== undefined;
    const after = last === undefined ? undefined : prefix + last;
    const entries = await store.scan({ prefix, limit, reverse: true, keysOnly, ...compact({ after }) });
    for (const [position, record] of (await recordsOf(store, listing, entries)).entries()) {
      last = keys.lastComponent((entries[position] as Entry).key);
      if (record === undefined) continue;
      const item = listing.codec.decode(record.value);
      if (listing.matches(item)) items.push(item);
      const isEnd = entries.length < limit && position === entries.length - 1;
      if (items.length === page.limit && !isEnd) return { items, nextCursor: formatCursor(last) };
    }
    if (entries.length < limit || last === undefined) return { items };
    budget -= entries.length;
    if (budget <= 0) return { items, nextCursor: formatCursor(last) };
  }
}

async function recordsOf<T>(
  store: Store,
  { index, primary }: Listing<T>,
  entries: readonly Entry[],
): Promise<readonly (Entry | undefined)[]> {
  if (index === undefined) return entries;
  return await store.getMany(entries.map(({ key }) => primary + keys.lastComponent(key)));
}

function formatCursor(id: string): string {
  return Buffer.from(id).toString('base64url');
}

function parseCursor(kind: 'sandbox' | 'snapshot', cursor: string): string {
  const id = Buffer.from(cursor, 'base64url').toString();
  if (isId(kind, id)) return id;
  throw new SandglassError('invalid_cursor', 'cursor is not one that this list answered with; leave it out to begin anew', {
    details: { field: 'cursor' },
  });
}
