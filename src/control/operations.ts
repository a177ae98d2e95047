import type { ExecutorId } from '../model/ids.ts';
import type { OperationKind, PendingOperation } from '../model/operation.ts';
import type { ControlContext, ControlSettings } from './context.ts';

/** A new operation for `executorId`, with its deadline. */
export function newOperation(ctx: ControlContext, kind: OperationKind, executorId: ExecutorId, attempt: number): PendingOperation {
  const deadlineAt = ctx.clock.now() + operationTimeoutMs(ctx.settings, kind);
  return { operationId: ctx.newId('operation'), kind, executorId, attempt, deadlineAt };
}

/** How long one attempt may take without a sign of progress. */
export function operationTimeoutMs({ operationTimeoutSecs: timeouts }: ControlSettings, kind: OperationKind): number {
  const secs: Record<OperationKind, number> = {
    start_sandbox: timeouts.start,
    stop_sandbox: timeouts.stop,
    pause_sandbox: timeouts.pause,
    resume_sandbox: timeouts.pause,
    create_snapshot: timeouts.capture,
    delete_snapshot: timeouts.remove,
  };
  return secs[kind] * 1000;
}
