export type { CallOptions, WaitOptions } from './call-options.ts';
export { type ClientReason, type ErrorCode, SandglassError } from './errors.ts';
export type { Executors } from './executors.ts';
export type { Page, PagedList } from './paged-list.ts';
export type { RetryPolicy } from './retry.ts';
export type { CreateOptions, ListOptions, Sandboxes, SandboxWaitOptions } from './sandboxes.ts';
export { DEFAULT_NAMESPACE, DEFAULT_URL, Sandglass, type SandglassOptions } from './sandglass.ts';
export type { ActiveOptions, Snapshots } from './snapshots.ts';
export type {
  CreateSandboxParams,
  CreateSnapshotParams,
  ExecEvent,
  ExecExit,
  ExecOptions,
  ExecParams,
  ExecResult,
  Executor,
  ExecutorStatus,
  Failure,
  ForkAnswer,
  ForkParams,
  Labels,
  NetworkPolicy,
  OnTimeout,
  Progress,
  Readiness,
  Resources,
  RestoredSandbox,
  RestoredSandboxes,
  RestoreParams,
  Sandbox,
  SandboxConfig,
  SandboxFilter,
  SandboxOutcome,
  SandboxOverrides,
  SandboxRef,
  SandboxStatus,
  SandboxWaitStatus,
  ServerVersion,
  Snapshot,
  SnapshotEvent,
  SnapshotFilter,
  SnapshotRef,
  SnapshotStatus,
  SnapshotTimings,
} from './types.ts';
