import type { Driver, OnProgress } from '../driver/driver.ts';
import type { OperationResult } from '../model/instruction.ts';
import type { OperationKind } from '../model/operation.ts';
import type { Assignment } from '../rpc/instruction.ts';

interface OperationTraits {
  /** Whose slots it takes. Without, it runs as soon as its turn comes. */
  readonly slots?: 'starts' | 'captures';
  /** Whether it may be given up half way when nobody waits for it any more: the driver then leaves nothing behind. */
  readonly abortable: boolean;
  /** What the log says when it is done. */
  readonly done: string;
}

export const OPERATION_TRAITS: Readonly<Record<OperationKind, OperationTraits>> = {
  start_sandbox: { slots: 'starts', abortable: true, done: 'Started sandbox' },
  stop_sandbox: { abortable: false, done: 'Stopped sandbox' },
  pause_sandbox: { abortable: false, done: 'Paused sandbox' },
  resume_sandbox: { abortable: false, done: 'Resumed sandbox' },
  create_snapshot: { slots: 'captures', abortable: false, done: 'Created snapshot successfully' },
  delete_snapshot: { abortable: false, done: 'Removed snapshot' },
};

/** The objects that an operation works on. Operations with one in common run one after another. */
export function operationSubjects(assignment: Assignment): readonly string[] {
  switch (assignment.kind) {
    case 'start_sandbox':
    case 'stop_sandbox':
    case 'pause_sandbox':
    case 'resume_sandbox':
      return [assignment.sandboxId];
    case 'create_snapshot':
      return [assignment.sandboxId, assignment.snapshotId]; // its removal, should it come, comes after
    case 'delete_snapshot':
      return [assignment.snapshotId];
  }
}

/** What a driver is called with. */
export interface OperationContext {
  readonly clusterId: string;
  readonly onProgress: OnProgress;
  readonly signal: AbortSignal;
}

/** Carries an operation out. @throws what the driver throws. */
export async function performOperation(driver: Driver, assignment: Assignment, context: OperationContext): Promise<OperationResult> {
  const { sandboxId, namespace } = assignment;
  const { clusterId, onProgress, signal } = context;
  switch (assignment.kind) {
    case 'start_sandbox': {
      const { spec, secretEnv, source } = assignment;
      const snapshot = source === undefined ? {} : { snapshot: source };
      await driver.startSandbox({ sandboxId, namespace, clusterId, spec, secretEnv, ...snapshot }, onProgress, signal);
      return { outcome: 'done' };
    }
    case 'stop_sandbox':
      await driver.stopSandbox(sandboxId, signal);
      return { outcome: 'done' };
    case 'pause_sandbox':
      await driver.pauseSandbox(sandboxId, signal);
      return { outcome: 'done' };
    case 'resume_sandbox':
      await driver.resumeSandbox(sandboxId, signal);
      return { outcome: 'done' };
    case 'create_snapshot': {
      const { snapshotId, imageRef } = assignment;
      const captured = await driver.captureSnapshot({ sandboxId, snapshotId, namespace, clusterId, imageRef }, onProgress, signal);
      return { outcome: 'captured', captured };
    }
    case 'delete_snapshot':
      await driver.removeSnapshot(assignment.snapshotId, signal);
      return { outcome: 'done' };
  }
}
