import type { Namespace } from './ids.ts';

/** What is counted per namespace. A namespace exists from the first snapshot in it; nobody creates one. */
export interface NamespaceUsage {
  readonly namespace: Namespace;
  /** Snapshots that count towards the quota. */
  readonly snapshotCount: number;
}
