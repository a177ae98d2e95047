import type { Failure } from './errors.ts';
import type { SnapshotId } from './ids.ts';
import type { Operation } from './operation.ts';
import type { SandboxSource, SandboxSpec } from './sandbox.ts';
import type { Captured } from './snapshot.ts';

/** An operation with all that the executor must know. */
export type Instruction = Operation & { readonly timeoutMs: number } & Work;

/** What an instruction is about, by its kind. */
export type Work =
  | {
      readonly kind: 'start_sandbox';
      readonly spec: SandboxSpec;
      readonly secretEnv: Readonly<Record<string, string>>;
      /** Set when the sandbox starts from a snapshot. */
      readonly source?: Required<SandboxSource>;
    }
  | { readonly kind: 'stop_sandbox' | 'pause_sandbox' | 'resume_sandbox' }
  | { readonly kind: 'create_snapshot'; readonly snapshotId: SnapshotId; readonly imageRef: string }
  | { readonly kind: 'delete_snapshot'; readonly snapshotId: SnapshotId };

/** How one attempt at an operation ended. */
export type OperationResult =
  | { readonly outcome: 'done' }
  | { readonly outcome: 'captured'; readonly captured: Captured }
  | { readonly outcome: 'failed'; readonly failure: Failure };
