import { create } from '@bufbuild/protobuf';
import type { ExecutorInfo } from '../model/executor.ts';
import { type ExecutorId, parseId } from '../model/ids.ts';
import type { ReportedInventory, ReportedSandbox } from '../model/inventory.ts';
import { MAX_LABELS } from '../model/labels.ts';
import { boundedList, int32, int64, malformed, plainText, positiveNumber, present, wholeNumber } from './checks.ts';
import { type Hello, HelloSchema, type InventorySandbox, SandboxState } from './gen/sandglass/v1/executor_pb.js';

/** What an executor says first. */
export interface Introduction {
  readonly executorId: ExecutorId;
  readonly info: ExecutorInfo;
  readonly inventory: ReportedInventory;
}

const MAX_OBJECTS = 100_000;
const MAX_RUNTIMES = 64;
const MAX_INT32 = 2 ** 31 - 1;

const STATES = {
  running: SandboxState.RUNNING,
  paused: SandboxState.PAUSED,
  exited: SandboxState.EXITED,
} as const satisfies Record<ReportedSandbox['state'], SandboxState>;

export function helloToProto({ executorId, info, inventory }: Introduction): Hello {
  return create(HelloSchema, {
    executorId,
    hostname: info.hostname,
    version: info.version,
    labels: { ...info.labels },
    capacity: { cpus: info.capacity.cpus, memoryMb: int64(info.capacity.memoryMb), maxSandboxes: int32(info.capacity.maxSandboxes) },
    runtimes: [...info.runtimes],
    engine: info.engine,
    limitsDisk: info.limitsDisk,
    sandboxes: inventory.sandboxes.map((sandbox) => ({
      ...sandbox,
      state: STATES[sandbox.state],
      exitCode: exitCodeToProto(sandbox.exitCode),
    })),
    snapshots: inventory.snapshots.map((snapshot) => ({ ...snapshot })),
  });
}

/** @throws SandglassError `invalid_request`, or `not_found` reasons for malformed ids. */
export function parseHello(hello: Hello): Introduction {
  const capacity = present('capacity', hello.capacity);
  return {
    executorId: parseId('executor', hello.executorId),
    info: {
      hostname: plainText('hostname', hello.hostname),
      version: plainText('version', hello.version),
      labels: parseLabels(hello.labels),
      capacity: {
        cpus: positiveNumber('capacity.cpus', capacity.cpus),
        memoryMb: wholeNumber('capacity.memory_mb', capacity.memoryMb),
        maxSandboxes: wholeNumber('capacity.max_sandboxes', capacity.maxSandboxes),
      },
      runtimes: boundedList('runtimes', hello.runtimes, MAX_RUNTIMES, (name) => plainText('runtimes', name)),
      engine: plainText('engine', hello.engine),
      limitsDisk: hello.limitsDisk,
    },
    inventory: {
      sandboxes: boundedList('sandboxes', hello.sandboxes, MAX_OBJECTS, parseSandbox),
      snapshots: boundedList('snapshots', hello.snapshots, MAX_OBJECTS, (snapshot) => ({
        snapshotId: parseId('snapshot', snapshot.snapshotId),
        clusterId: plainText('snapshots.cluster_id', snapshot.clusterId),
        digest: plainText('snapshots.digest', snapshot.digest),
      })),
    },
  };
}

function parseSandbox(sandbox: InventorySandbox): ReportedSandbox {
  return {
    sandboxId: parseId('sandbox', sandbox.sandboxId),
    clusterId: plainText('sandboxes.cluster_id', sandbox.clusterId),
    state: parseState(sandbox.state),
    exitCode: parseExitCode('sandboxes.exit_code', sandbox.exitCode),
    oomKilled: sandbox.oomKilled,
  };
}

function parseState(state: SandboxState): ReportedSandbox['state'] {
  switch (state) {
    case SandboxState.RUNNING:
      return 'running';
    case SandboxState.PAUSED:
      return 'paused';
    case SandboxState.EXITED:
      return 'exited';
    default:
      throw malformed('sandboxes.state', `is ${state}, which means nothing here`);
  }
}

/** An exit status. Engines on other systems have given more than 255. */
export function parseExitCode(field: string, exitCode: number): number {
  return wholeNumber(field, exitCode, MAX_INT32);
}

/** An exit status as an int32 field; what an engine gives beyond it becomes 255. */
export function exitCodeToProto(exitCode: number): number {
  return Number.isInteger(exitCode) && exitCode >= 0 && exitCode <= MAX_INT32 ? exitCode : 255;
}

function parseLabels(labels: Readonly<Record<string, string>>): Record<string, string> {
  const entries = boundedList('labels', Object.entries(labels), MAX_LABELS, ([key, value]) => [
    plainText('labels', key, 63),
    plainText('labels', value, 255),
  ]);
  return Object.fromEntries(entries);
}
