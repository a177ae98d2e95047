import { unreachable } from '../lib/assert.ts';
import { compact } from '../lib/compact.ts';
import type { Instruction } from '../model/instruction.ts';
import type { Operation } from '../model/operation.ts';
import type { SandboxSource } from '../model/sandbox.ts';
import { sandboxKey, secretsKey, snapshotKey } from '../store/keys.ts';
import { sandboxRecord, secretsRecord, snapshotRecord } from '../store/records.ts';
import type { ControlContext } from './context.ts';

/** An operation with all that its executor must know, read from the objects; undefined when no object waits for it any more. */
export async function readInstruction(ctx: ControlContext, operation: Operation): Promise<Instruction | undefined> {
  const { kind } = operation;
  switch (kind) {
    case 'start_sandbox':
      return await startInstruction(ctx, { ...operation, kind });
    case 'stop_sandbox':
    case 'pause_sandbox':
    case 'resume_sandbox':
      return { ...operation, kind, timeoutMs: timeoutMs(ctx, operation) };
    case 'create_snapshot':
    case 'delete_snapshot':
      return await snapshotInstruction(ctx, { ...operation, kind });
    default:
      return unreachable(kind);
  }
}

type OfKind<K extends Operation['kind']> = Operation & { readonly kind: K };

/** Progress moves the deadline in the object, not in the operation's record. */
function timeoutMs({ clock }: ControlContext, { deadlineAt }: { readonly deadlineAt: number }): number {
  return Math.max(0, deadlineAt - clock.now());
}

async function startInstruction(ctx: ControlContext, operation: OfKind<'start_sandbox'>): Promise<Instruction | undefined> {
  const { store } = ctx;
  const { namespace, sandboxId, id } = operation;
  const [entry, secrets] = await store.getMany([sandboxKey(namespace, sandboxId), secretsKey(sandboxId)]);
  const sandbox = entry && sandboxRecord.decode(entry.value);
  if (sandbox?.operation?.operationId !== id) return undefined;
  return {
    ...operation,
    timeoutMs: timeoutMs(ctx, sandbox.operation),
    spec: sandbox.spec,
    secretEnv: secrets === undefined ? {} : secretsRecord.decode(secrets.value).env,
    // Placed only once its snapshot is active, and so the source complete.
    ...compact({ source: sandbox.source as Required<SandboxSource> | undefined }),
  };
}

async function snapshotInstruction(
  ctx: ControlContext,
  operation: OfKind<'create_snapshot' | 'delete_snapshot'>,
): Promise<Instruction | undefined> {
  const { namespace, snapshotId, id } = operation;
  if (snapshotId === undefined) return undefined;
  const entry = await ctx.store.get(snapshotKey(namespace, snapshotId));
  const snapshot = entry && snapshotRecord.decode(entry.value);
  if (snapshot?.operation?.operationId !== id) return undefined;
  const common = { ...operation, timeoutMs: timeoutMs(ctx, snapshot.operation), snapshotId };
  return operation.kind === 'delete_snapshot'
    ? { ...common, kind: operation.kind }
    : { ...common, kind: operation.kind, imageRef: snapshot.imageRef };
}
