import type { Failure } from './errors.ts';
import type { ExecutorId, Namespace, SandboxId, SnapshotId } from './ids.ts';
import type { Labels } from './labels.ts';
import type { PendingOperation, Progress } from './operation.ts';

/**
 * - `pending`: waits for an executor, for the snapshot that it starts from, or for its next attempt.
 * - `starting`: an executor has been told to start it.
 * - `running`: a command can run in it.
 * - `paused`: its processes are frozen.
 * - `stopping`: it has ended, or is to end, and its container is being removed.
 * - `terminated`: nothing of it is left but this record, kept for a while so that its outcome can be read.
 */
export type SandboxStatus = 'pending' | 'starting' | 'running' | 'paused' | 'stopping' | 'terminated';

/** Why a sandbox ended. */
export type SandboxOutcome =
  | 'stopped' // somebody deleted it
  | 'timeout' // its `timeout_secs` passed
  | 'exited' // its entrypoint ended
  | 'oom_killed' // its main process was killed at the memory limit
  | 'start_failed' // it could not be started; the message says why
  | 'vanished' // its container is gone, and not by us
  | 'executor_lost'; // its executor has not been heard of for too long

/** What happens when `timeoutSecs` has passed. */
export type OnTimeout = 'terminate' | 'pause' | 'snapshot';

export interface Resources {
  /** CPU cores; fractions are allowed. */
  readonly cpus: number;
  /** Mebibytes of memory; there is no swap on top. */
  readonly memoryMb: number;
  /** Mebibytes of writable disk; only on engines whose storage can limit it. */
  readonly diskMb?: number;
}

export interface NetworkPolicy {
  /** False: the sandbox has no route out, and reaches nothing but itself. */
  readonly allowInternetAccess: boolean;
}

/** The configuration that a sandbox runs with. Secrets are not in it: they are kept apart, and never leave with a snapshot. */
export interface SandboxSpec {
  /** The image that it began with: a restored sandbox carries the image of the first of its line. */
  readonly image: string;
  readonly resources: Resources;
  readonly env: Readonly<Record<string, string>>;
  /** Names of the secrets it was given, so that a restore can say which are to be given anew. */
  readonly secretNames: readonly string[];
  /** The program to run; without it the sandbox waits for commands. */
  readonly entrypoint?: readonly string[];
  /** Default working directory of commands; the image's otherwise. */
  readonly workdir?: string;
  /** Default user of commands, a name or `uid[:gid]`; the image's otherwise. */
  readonly user?: string;
  /** Seconds from start to end; 0 for no end. */
  readonly timeoutSecs: number;
  readonly onTimeout: OnTimeout;
  readonly network: NetworkPolicy;
  readonly exposedPorts: readonly number[];
  /** Container runtime, such as `runsc`; the engine's default otherwise. */
  readonly runtime?: string;
}

/** The snapshot that a sandbox starts from. */
export interface SandboxSource {
  readonly snapshotId: SnapshotId;
  /** Known once the snapshot is active: a fork is created while its snapshot is still being captured. */
  readonly imageRef?: string;
  /** Content digest of the image, which the executor verifies. */
  readonly digest?: string;
}

export interface Sandbox {
  readonly id: SandboxId;
  readonly namespace: Namespace;
  readonly spec: SandboxSpec;
  readonly labels: Labels;
  readonly source?: SandboxSource;
  readonly status: SandboxStatus;
  /** In `pending`: what it waits for. */
  readonly pendingReason?: string;
  /** From `stopping` on. */
  readonly outcome?: SandboxOutcome;
  /** From `stopping` on: the outcome in words, with the engine's own message where there is one. */
  readonly message?: string;
  /** The failure of the latest attempt at something, while it matters. */
  readonly failure?: Failure;
  /** Exit status of the entrypoint, when it ended by itself. */
  readonly exitCode?: number;
  /** Where it runs, or is to be tried again. */
  readonly executorId?: ExecutorId;
  /** Epoch milliseconds, like all times here. */
  readonly createdAt: number;
  readonly startedAt?: number;
  readonly terminatedAt?: number;
  /** When its timeout strikes. */
  readonly expiresAt?: number;
  /** In `pending`: when it fails if nothing could start it until then. */
  readonly startDeadlineAt: number;
  /** Attempts at the present step, counted from 1; 0 before the first. */
  readonly attempt: number;
  /** No attempt before this time. */
  readonly nextAttemptAt?: number;
  /** While an image is fetched for it. */
  readonly progress?: Progress;
  /** The operation that it waits for. */
  readonly operation?: PendingOperation;
}

/** True while the sandbox holds, or is about to hold, resources of an executor. */
export function occupiesExecutor(sandbox: Sandbox): boolean {
  return sandbox.executorId !== undefined && sandbox.status !== 'terminated' && sandbox.status !== 'pending';
}

/** When the sandbox needs attention even if nothing happens: the time of its deadline, next attempt or timeout. */
export function sandboxDueAt(sandbox: Sandbox): number | undefined {
  switch (sandbox.status) {
    case 'pending':
      return Math.min(sandbox.nextAttemptAt ?? sandbox.createdAt, sandbox.startDeadlineAt);
    case 'starting':
    case 'stopping':
      return sandbox.operation?.deadlineAt ?? sandbox.nextAttemptAt ?? sandbox.createdAt;
    case 'running':
    case 'paused':
      return earliest(sandbox.operation?.deadlineAt, sandbox.expiresAt);
    case 'terminated':
      return undefined;
  }
}

function earliest(a: number | undefined, b: number | undefined): number | undefined {
  if (a === undefined) return b;
  return b === undefined ? a : Math.min(a, b);
}
