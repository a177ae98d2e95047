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

/**
 * What happens when its timeout has passed.
 * - `terminate`: it ends.
 * - `pause`: it is paused.
 * - `snapshot`: a snapshot is taken of it, and it ends once that is active; it is paused if there can be none.
 */
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
  /** Seconds that it runs, from its start and anew from each resume; 0 for no end. */
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
  /** When its timeout strikes. Only while it runs: a pause ends its time, and a resume begins it anew. */
  readonly expiresAt?: number;
  /** Set when somebody asks for another timeout than `spec.timeoutSecs`; until it is paused. While it does not run: for when it does. */
  readonly timeoutSecs?: number;
  /** The snapshot that is, or was, taken of it because its timeout has passed. */
  readonly timeoutSnapshotId?: SnapshotId;
  /** Why no snapshot could be taken when its timeout had passed, and it is paused instead. Until it runs again. */
  readonly captureFailure?: Failure;
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

/** Seconds that it runs for, or will when it next runs; 0 for no end. */
export function timeoutInForce({ timeoutSecs, spec }: Sandbox): number {
  return timeoutSecs ?? spec.timeoutSecs;
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
      return runningDueAt(sandbox);
    case 'paused':
      return sandbox.operation?.deadlineAt;
    case 'terminated':
      return undefined;
  }
}

/** Only what ends it does not wait for a pause that is under way. */
function runningDueAt({ operation, nextAttemptAt, expiresAt, spec }: Sandbox): number | undefined {
  if (operation === undefined) return nextAttemptAt ?? expiresAt;
  return spec.onTimeout === 'terminate' ? Math.min(operation.deadlineAt, expiresAt ?? Infinity) : operation.deadlineAt;
}
