export type { CallOptions, WaitOptions } from './call-options.ts';
export { type ClientReason, type ErrorCode, SandglassError } from './errors.ts';
export type { Executors } from './executors.ts';
export type { FileContent, FileEntry, FileEvent, FileType } from './file-types.ts';
export type { FileOptions, Files, ReadOptions, WriteFileOptions } from './files.ts';
export type { Page, PagedList } from './paged-list.ts';
export type { PortConnection, Ports } from './ports.ts';
export type { ProcessEvent, ProcessExit, SandboxProcess, SignalName, StartParams, TerminalSize } from './process-types.ts';
export type { AttachOptions, Processes, WriteOptions } from './processes.ts';
export type { RetryPolicy } from './retry.ts';
export type { CreateOptions, ListOptions, LogsOptions, ResumeOptions, Sandboxes, SandboxWaitOptions } from './sandboxes.ts';
export { DEFAULT_NAMESPACE, DEFAULT_URL, Sandglass, type SandglassOptions } from './sandglass.ts';
export type { ActiveOptions, Snapshots } from './snapshots.ts';
export type { WebSocketClass, WebSocketLike } from './socket.ts';
export type { LogLine, SandboxMetrics } from './telemetry-types.ts';
export type { Terminal, TerminalParams, Terminals } from './terminals.ts';
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
