import type { SandboxId, SnapshotId } from '../model/ids.ts';
import type { Labels } from '../model/labels.ts';
import type { NetworkPolicy, OnTimeout, Resources, Sandbox, SandboxStatus } from '../model/sandbox.ts';
import type { SnapshotStatus } from '../model/snapshot.ts';

/*
 * What commands and queries take. The shapes have been validated by whoever received them (`server/rest/schemas.ts`);
 * commands check what needs the store, and bounds that hold for every way in.
 */

/** What can be chosen anew when a snapshot is restored or a sandbox is forked. */
export interface SandboxOverrides {
  readonly resources?: Partial<Resources>;
  /** On top of the recorded ones. */
  readonly env?: Readonly<Record<string, string>>;
  /** Secret environment variables; those of the source sandbox are not kept. */
  readonly secrets?: Readonly<Record<string, string>>;
  /** On top of the recorded ones. */
  readonly labels?: Labels;
  readonly network?: NetworkPolicy;
  readonly timeoutSecs?: number;
  readonly onTimeout?: OnTimeout;
}

/** A sandbox from an image, the default one when neither is named, or from a snapshot. */
export interface CreateSandboxRequest extends SandboxOverrides {
  readonly image?: string;
  readonly snapshotId?: SnapshotId;
  readonly entrypoint?: readonly string[];
  readonly workdir?: string;
  readonly user?: string;
  readonly exposedPorts?: readonly number[];
  readonly runtime?: string;
}

export interface CreateSnapshotRequest {
  readonly name?: string;
  readonly labels?: Labels;
  /** Seconds from now; 0 for no end; the configured default when absent. */
  readonly ttlSecs?: number;
}

export interface RestoreSnapshotRequest extends SandboxOverrides {
  /** Restores an expired snapshot that is still there. */
  readonly force?: boolean;
  /** 1–100; 1 when absent. */
  readonly count?: number;
}

export interface RestoreAnswer {
  /** One for each of `count`. */
  readonly sandboxes: readonly Sandbox[];
  /** False when the snapshot had expired: the sandboxes are fresh ones with its recorded configuration. */
  readonly restoredFromSnapshot: boolean;
  readonly ttlExpired: boolean;
}

export interface ForkSandboxRequest extends SandboxOverrides {
  /** 1–100; 1 when absent. */
  readonly count?: number;
}

export interface ForkAnswer {
  /** The snapshot that the forks start from; it is deleted when its short TTL has passed. */
  readonly snapshotId: SnapshotId;
  readonly sandboxes: readonly Sandbox[];
}

/** A page of a list, newest first. `cursor` is what the page before answered as `nextCursor`. */
export interface PageRequest {
  /** 1–1000. */
  readonly limit: number;
  readonly cursor?: string;
}

export interface Page<T> {
  readonly items: readonly T[];
  /** Absent on the last page. A page can be short, even empty, and still have one after it. */
  readonly nextCursor?: string;
}

/** All given conditions hold. */
export interface SandboxFilter {
  readonly status?: SandboxStatus;
  readonly label?: readonly LabelCondition[];
}

/** All given conditions hold. */
export interface SnapshotFilter {
  readonly status?: SnapshotStatus;
  readonly name?: string;
  readonly label?: readonly LabelCondition[];
  readonly sandboxId?: SandboxId;
}

export interface LabelCondition {
  readonly key: string;
  readonly value: string;
}
